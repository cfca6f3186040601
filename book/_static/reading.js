/* What the theme leaves undone for readers with a keyboard alone, and for those with a telephone. */
(() => {
  // What is too wide for the screen and scrolls sideways can be reached, and so scrolled, from the keyboard.
  const look = () => {
    for (const box of document.querySelectorAll(".pst-scrollable-table-container, mjx-container[display]")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };

  addEventListener("DOMContentLoaded", () => {
    // The text changes its height whenever mathematics is set or the screen is turned.
    new ResizeObserver(look).observe(document.body);
    // On a small screen the contents lie over the text; who has chosen a place wants to see it.
    const drawer = document.querySelector("#pst-secondary-sidebar-checkbox");
    document.querySelector(".bd-sidebar-secondary")?.addEventListener("click", (event) => {
      if (event.target.closest("a")) drawer.checked = false;
    });
  });
})();
