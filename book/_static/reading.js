/* What is too wide for the screen and scrolls sideways can be reached, and so scrolled, from the keyboard. */
(() => {
  const look = () => {
    for (const box of document.querySelectorAll(".pst-scrollable-table-container, mjx-container[display]")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  // The text changes its height whenever mathematics is set or the screen is turned.
  addEventListener("DOMContentLoaded", () => new ResizeObserver(look).observe(document.body));
})();
