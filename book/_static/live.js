/* The live detector: the book's networks, running in the page.

   Where a page holds <div class="ssd-live">, a button appears, and nothing else is loaded before it is pressed. Then
   come ONNX Runtime Web, a network, pictures and toys, all laid beside the pages by `make book`. What the package does
   around the network is done here in the same way, and tests/test_book_live.py compares: `resize` is
   ssd.augment.resize, `detect` is ssd.nms.detect. With each answer the element fires an event, "ssd-live". */

(() => {
"use strict";

const SITE = new URL("..", document.currentScript.src);
const FROM_DISK = location.protocol === "file:";
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// --- Files: from a server as they are; from a disk, where a page can run scripts and read nothing, out of scripts

const packed = (window.ssdFiles ??= {});

const run = (path) => new Promise((done, fail) => {
  const onerror = () => fail(Error(`${path} is missing`));
  document.head.append(make("script", {src: new URL(path, SITE), onload: done, onerror}));
});

async function bytesOf(path) {
  if (FROM_DISK) await run(`${path}.js`);
  let response = await fetch(FROM_DISK ? `data:;base64,${packed[path]}` : new URL(path, SITE));
  if (!response.ok) throw Error(`${path} is missing`);
  if (FROM_DISK) response = new Response(response.body.pipeThrough(new DecompressionStream("gzip")));
  delete packed[path];
  return new Uint8Array(await response.arrayBuffer());
}

const once = (load, known = {}) => (name) => (known[name] ??= load(name));

const theThings = once(async () => { await run("live/things.js"); return packed["live/things"]; });

const theRuntime = once(async () => {
  const wasm = await bytesOf("ort/ort-wasm-simd-threaded.wasm"), entry = await bytesOf("ort/ort.wasm.bundle.min.mjs");
  const ort = await import(URL.createObjectURL(new Blob([entry], {type: "text/javascript"})));
  Object.assign(ort.env.wasm, {wasmBinary: wasm.buffer, numThreads: 1});
  ort.env.logLevel = "error";
  return ort;
});

const theNetwork = once(async (name) => {
  const ort = await theRuntime();
  const session = await ort.InferenceSession.create(await bytesOf(`networks/${name}.onnx`));
  const size = session.inputMetadata[0].shape[3];
  return async (pixels) => {
    const begun = performance.now();
    const images = new ort.Tensor("uint8", resize(pixels, size), [1, 3, size, size]);
    const ready = performance.now();
    const {boxes, scores} = await session.run({images});
    return {boxes: boxes.data, scores: scores.data, before: ready - begun, milliseconds: performance.now() - ready};
  };
});

// --- Before the network: the whole picture onto a square

/* For each of `to` pixels the first of the `from` pixels that make it, and their weights: a triangle as wide as what it
   stands for, in whole numbers of 2^-bits. */
function triangles(from, to) {
  const scale = from / to, reach = Math.max(scale, 1);
  const rows = Array.from({length: to}, (_, i) => {
    const centre = scale * (i + 0.5), first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const length = Math.min(Math.trunc(centre + reach + 0.5), from) - first;
    const weights = Array.from({length}, (_, j) => Math.max(0, 1 - Math.abs((first + j - centre + 0.5) / reach)));
    const sum = weights.reduce((a, b) => a + b);
    return {first, weights: weights.map((weight) => weight / sum)};
  });
  const largest = Math.max(...rows.flatMap(({weights}) => weights));
  let bits = 0;
  while (Math.trunc(0.5 + largest * 2 ** (bits + 1)) < 2 ** 15) bits++;
  for (const row of rows) row.weights = row.weights.map((weight) => Math.trunc(0.5 + weight * 2 ** bits));
  return {rows, bits};
}

/* ImageData to red, green, blue, each size x size bytes. Across first, then down, rounded to bytes between. */
function resize({data, width, height}, size) {
  const across = triangles(width, size), down = triangles(height, size);
  const narrow = new Uint8Array(3 * height * size), square = new Uint8Array(3 * size * size);
  const blend = (source, at, step, weights, bits) => {
    let sum = 1 << (bits - 1);
    for (let j = 0; j < weights.length; j++, at += step) sum += weights[j] * source[at];
    return Math.min(sum >> bits, 255);
  };
  for (let channel = 0; channel < 3; channel++) {
    const from = channel * height * size, to = channel * size * size;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < size; x++) {
        const {first, weights} = across.rows[x];
        narrow[from + y * size + x] = blend(data, 4 * (y * width + first) + channel, 4, weights, across.bits);
      }
    for (let y = 0; y < size; y++) {
      const {first, weights} = down.rows[y];
      for (let x = 0; x < size; x++)
        square[to + y * size + x] = blend(narrow, from + first * size + x, size, weights, down.bits);
    }
  }
  return square;
}

// --- Behind the network: threshold and suppression, class by class

const area = ([left, top, right, bottom]) => Math.max(right - left, 0) * Math.max(bottom - top, 0);

function iou(a, b) {
  const both = area(a.map((side, i) => i < 2 ? Math.max(side, b[i]) : Math.min(side, b[i])));
  return both && both / (area(a) + area(b) - both);
}

const inOrder = (list) => list.sort((a, b) => b.score - a.score);

/* Boxes (P, 4) and scores (P, C) to what enters the suppression and what it leaves, best first; labels from 1. */
function detect({boxes, scores}, scoreThreshold, iouThreshold, perClass = 400, perImage = 200) {
  const priors = boxes.length / 4, classes = scores.length / priors, least = Math.fround(scoreThreshold);
  const candidates = [], found = [];
  for (let c = 0; c < classes; c++) {
    let queue = [];
    for (let p = 0; p < priors; p++) {
      const score = scores[p * classes + c];
      if (score > least) queue.push({label: c + 1, score, box: boxes.slice(4 * p, 4 * p + 4)});
    }
    queue = inOrder(queue).slice(0, perClass);
    candidates.push(...queue);
    while (queue.length) {
      const [best, ...rest] = queue;
      found.push(best);
      queue = rest.filter((other) => iou(best.box, other.box) <= iouThreshold);
    }
  }
  const clip = (one) => ({...one, box: Array.from(one.box, (side) => clamp(side, 0, 1))});
  return {candidates: inOrder(candidates).map(clip), found: inOrder(found).slice(0, perImage).map(clip)};
}

// --- What is looked at

const LARGEST = 2400; // pixels a side; what is larger is drawn smaller first, for the sake of telephones

async function load(address) {
  const image = make("img", {src: address});
  await image.decode();
  return image;
}

/* Toys stand with their feet at (x, y); the nearer, the lower. */
function paintToys(brush, ground, toys) {
  brush.drawImage(ground, 0, 0, brush.canvas.width, brush.canvas.height);
  for (const {x, y, scale, kind} of toys.toSorted((a, b) => a.y - b.y)) {
    const wide = kind.width * scale, high = kind.height * scale;
    brush.fillStyle = "rgb(15 15 25 / 0.3)";
    brush.beginPath();
    brush.ellipse(x, y - 1, 0.55 * wide, 0.03 * wide + 0.02 * high, 0, 0, 7);
    brush.fill();
    brush.drawImage(kind.picture, x - wide / 2, y - high, wide, high);
  }
}

function draw(pen, picture, shown, classes, wide, high) {
  const crowded = shown.length > 30;
  pen.drawImage(picture, 0, 0, wide, high);
  Object.assign(pen, {font: "600 13px sans-serif", textBaseline: "middle", lineWidth: crowded ? 1 : 2.5});
  for (const {label, score, box: [x0, y0, x1, y1]} of shown.toReversed()) {
    const {name, colour, ink} = classes[label - 1], text = `${name} ${score.toFixed(2)}`;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.strokeRect(x0 * wide, y0 * high, (x1 - x0) * wide, (y1 - y0) * high);
    if (crowded) continue;
    const long = pen.measureText(text).width + 8, x = clamp(x0 * wide, 0, wide - long);
    const y = y0 * high < 18 ? y0 * high : y0 * high - 18;
    pen.fillRect(x, y, long, 18);
    pen.fillStyle = ink;
    pen.fillText(text, x + 4, y + 9);
  }
}

// --- The element

const CONTROLS = `
  <div class="bar sources">
    <label>Network <select data-is="network"></select></label>
    <label>Picture <select data-is="picture"><option value="toys">toys to move about</option>
      <option value="own" hidden>your own</option></select></label>
    <label class="button"><input type="file" accept="image/*" data-is="file">Open a picture</label>
    <button data-is="camera">Use the camera</button>
  </div>
  <div class="stage" data-is="stage"><canvas role="img" data-is="screen"></canvas></div>
  <div class="toys">
    <div role="group" aria-label="Add a toy" data-is="box"></div>
    <div class="bar"><label>Background <select data-is="ground"></select></label>
      <button data-is="smaller">Smaller</button><button data-is="larger">Larger</button>
      <button data-is="away">Take away</button></div>
  </div>
  <div class="sliders">
    <label>Score above <b></b>
      <input type="range" min="0.01" max="0.99" step="0.01" value="0.4" data-is="score"></label>
    <label>IoU of at most <b></b>
      <input type="range" min="0" max="1" step="0.05" value="0.45" data-is="iou"></label>
    <label class="tick"><input type="checkbox" data-is="raw"> before suppression</label>
  </div>
  <p class="says" data-is="says"></p>
  <ul aria-live="polite" aria-label="Detections" data-is="list"></ul>`;

async function start(root) {
  const {classes, networks, pictures, canvas, grounds, toys} = await theThings();
  const [forDrawings, forPhotographs] = networks.map(({name}) => name);
  await theNetwork(forDrawings);
  for (const kind of toys) kind.picture ??= await load(kind.image);

  root.innerHTML = CONTROLS;
  const at = Object.fromEntries([...root.querySelectorAll("[data-is]")].map((part) => [part.dataset.is, part]));
  const picture = make("canvas"), brush = picture.getContext("2d", {willReadFrequently: true});
  let source = null, answer = null, seen = [], told = "", telling = 0, busy = false, again = false;
  let film = null, ground = null, placed = [], chosen = null;

  // The list is read aloud, so it changes only where there is something new.
  function tell(lines) {
    if (lines.join() === told) return;
    told = lines.join();
    at.list.replaceChildren(...lines.map((textContent) => make("li", {textContent})));
  }

  // From the picture to the answer: one pass at a time, and one more if the picture has changed meanwhile.
  async function look() {
    again = true;
    if (busy) return;
    busy = true;
    try {
      while (again) {
        again = false;
        const from = source, network = await theNetwork(at.network.value);
        if (film) brush.drawImage(film, 0, 0, picture.width, picture.height);
        else if (at.picture.value === "toys") paintToys(brush, ground, placed);
        const given = await network(brush.getImageData(0, 0, picture.width, picture.height));
        if (from !== source) continue;
        answer = given;
        show();
        await new Promise(requestAnimationFrame);
        again ||= film !== null;
      }
    } catch (error) {
      tell([`The network does not answer: ${error.message}.`]);
    }
    busy = false;
  }

  // From the answer to what is seen: all that the sliders need.
  function show() {
    if (!answer) return;
    const begun = performance.now(), {before, milliseconds} = answer;
    const {candidates, found} = detect(answer, at.score.valueAsNumber, at.iou.valueAsNumber);
    const after = performance.now() - begun, shown = at.raw.checked ? candidates : found;
    at.says.textContent = `Above the score: ${candidates.length}. After suppression: ${found.length}. ` +
      `Resized in ${before.toFixed()} ms, one pass ${milliseconds.toFixed()} ms, suppressed in ${after.toFixed(1)} ms.`;
    at.screen.ariaLabel = `${source.title}; boxes drawn on it: ${shown.length}`;
    at.stage.style.setProperty("--shape", picture.width / picture.height);
    const {clientWidth: wide, clientHeight: high} = at.stage, ratio = window.devicePixelRatio;
    Object.assign(at.screen, {width: Math.round(wide * ratio), height: Math.round(high * ratio)});
    const pen = at.screen.getContext("2d");
    pen.scale(ratio, ratio);
    draw(pen, picture, shown, classes, wide, high);
    seen = found;
    telling ||= setTimeout(describe, film ? 2000 : 400);
    root.dispatchEvent(new CustomEvent("ssd-live", {detail: {found, candidates, milliseconds}}));
  }

  function describe() {
    telling = 0;
    const {width, height} = picture, lines = seen.slice(0, 12).map(({label, score, box}) => {
      const [left, top, right, bottom] = box.map((side, i) => Math.round(side * (i % 2 ? height : width)));
      return `${classes[label - 1].name} ${score.toFixed(2)}: from (${left}, ${top}) to (${right}, ${bottom})`;
    });
    if (seen.length > 12) lines.push(`and ${seen.length - 12} more`);
    tell(lines.length ? lines : [`Nothing scores above ${at.score.value}. Lower the score, or show one of the twenty things.`]);
  }

  // Toys: each has a button over its picture, to be moved with the mouse, a finger or the keyboard.
  function change(toy, to) {
    const {kind, handle: {style}} = Object.assign(toy, to), [wide, high] = canvas;
    toy.scale = clamp(toy.scale, 0.3, 3);
    const width = kind.width * toy.scale, height = kind.height * toy.scale;
    toy.x = clamp(toy.x, 0, wide);
    toy.y = clamp(toy.y, 0.2 * high, high + 0.5 * height);
    style.cssText = `left: ${100 * (toy.x - width / 2) / wide}%; top: ${100 * (toy.y - height) / high}%;
      width: ${100 * width / wide}%; height: ${100 * height / high}%; z-index: ${Math.round(toy.y)}`;
    look();
  }

  function takeAway(toy) {
    placed = placed.filter((other) => other !== toy);
    toy.handle.remove();
    chosen = null;
    (placed.at(-1)?.handle ?? at.box.firstElementChild).focus();
    look();
  }

  function add(kind, x, y) {
    const ariaLabel = `${kind.name}: arrows move it, plus and minus resize it, Delete takes it away`;
    const handle = make("button", {className: "toy", ariaLabel});
    const toy = {kind, handle, x, y, scale: 1};
    handle.onfocus = () => {
      chosen = toy;
      for (const each of placed) each.handle.classList.toggle("chosen", each === toy);
    };
    handle.onpointerdown = (event) => {
      const {x, y} = toy, pixels = canvas[0] / at.stage.clientWidth;
      handle.focus({preventScroll: true});
      handle.setPointerCapture(event.pointerId);
      handle.onpointermove = ({clientX, clientY}) => change(toy,
        {x: x + (clientX - event.clientX) * pixels, y: y + (clientY - event.clientY) * pixels});
      handle.onlostpointercapture = () => { handle.onpointermove = null; };
    };
    handle.onkeydown = (event) => {
      const step = event.shiftKey ? 20 : 4, {x, y, scale} = toy;
      const to = {
        ArrowLeft: {x: x - step}, ArrowRight: {x: x + step}, ArrowUp: {y: y - step}, ArrowDown: {y: y + step},
        "+": {scale: scale * 1.1}, "=": {scale: scale * 1.1}, "-": {scale: scale / 1.1}, Delete: null, Backspace: null,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      if (to) change(toy, to);
      else takeAway(toy);
    };
    placed.push(toy);
    at.stage.append(handle);
    change(toy, {});
    return handle;
  }

  // Sources: toys, pictures of the book, pictures of the reader, the camera.
  const stop = () => {
    film?.srcObject.getTracks().forEach((track) => track.stop());
    film = null;
    at.camera.textContent = "Use the camera";
  };

  function prepare(title, width, height, network) {
    stop();
    answer = null;
    const less = Math.min(1, LARGEST / Math.max(width, height));
    Object.assign(picture, {width: Math.round(width * less), height: Math.round(height * less)});
    source = {title};
    root.classList.toggle("with-toys", at.picture.value === "toys");
    if (at.network.value !== network) {
      at.network.value = network;
      at.network.onchange();
    }
  }

  function still(title, image, network) {
    prepare(title, image.width, image.height, network);
    brush.fillStyle = "white"; // behind transparent parts
    brush.fillRect(0, 0, picture.width, picture.height);
    brush.drawImage(image, 0, 0, picture.width, picture.height);
    look();
  }

  async function open([file]) {
    if (!file) return;
    try {
      const image = await createImageBitmap(file, {colorSpaceConversion: "none"});
      at.picture.value = "own";
      still(file.name, image, forPhotographs);
    } catch {
      at.says.textContent = "";
      tell([`${file.name} is not a picture that this browser can read.`]);
    }
  }

  at.camera.onclick = async () => {
    if (film) return stop();
    try {
      if (!navigator.mediaDevices) throw Error("browsers give it to pages from https and localhost alone");
      const srcObject = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment"}});
      const video = make("video", {srcObject, muted: true, playsInline: true});
      await video.play();
      at.picture.value = "own";
      prepare("What the camera sees", video.videoWidth, video.videoHeight, forPhotographs);
      film = video;
      at.camera.textContent = "Stop the camera";
      look();
    } catch (error) {
      tell([`No camera: ${error.message}.`]);
    }
  };

  at.picture.onchange = async () => {
    const one = pictures[at.picture.value];
    if (one) return still(one.title, await load(one.image), one.network);
    const {name, image} = grounds[at.ground.value];
    ground = await load(image);
    prepare(`Toys, background ${name}`, ...canvas, forDrawings);
    look();
  };
  at.ground.onchange = at.picture.onchange;
  at.file.onchange = () => { open(at.file.files); at.file.value = ""; };
  at.network.onchange = () => {
    source = {...source};
    answer = null;
    tell(["loading the network …"]);
    look();
  };
  at.raw.onchange = show;
  for (const slider of [at.score, at.iou]) {
    slider.oninput = () => { slider.previousElementSibling.textContent = slider.valueAsNumber.toFixed(2); show(); };
    slider.oninput();
  }
  const toChosen = (act) => () => placed.length && act(chosen ?? placed.at(-1));
  at.smaller.onclick = toChosen((toy) => change(toy, {scale: toy.scale / 1.25}));
  at.larger.onclick = toChosen((toy) => change(toy, {scale: toy.scale * 1.25}));
  at.away.onclick = toChosen(takeAway);
  root.ondragover = (event) => event.preventDefault();
  root.ondrop = (event) => {
    event.preventDefault();
    open(event.dataTransfer.files);
  };

  for (const {name, title} of networks) at.network.add(Object.assign(new Option(title, name), {title: name}));
  pictures.forEach(({title}, i) => at.picture.add(new Option(title, i), at.picture.lastElementChild));
  grounds.forEach(({name}, i) => at.ground.add(new Option(name, i)));
  for (const kind of toys) {
    const button = make("button");
    button.append(make("img", {src: kind.image, alt: kind.name}));
    button.onclick = () => add(kind, canvas[0] * (0.15 + 0.7 * Math.random()), 0.92 * canvas[1]).focus();
    at.box.append(button);
  }
  await at.picture.onchange();
  for (const kind of toys) if (kind.at) add(kind, ...kind.at);
  new ResizeObserver(() => requestAnimationFrame(show)).observe(at.stage);
  root.tabIndex = -1; // the button that had the focus is gone
  root.focus({preventScroll: true});
}

// --- The button

function offer(root) {
  const button = make("button", {textContent: "Start the detector"});
  const note = make("p", {className: "says", role: "status"});
  note.textContent = "Loads 22 MB. What you show it stays on your machine.";
  button.onclick = async () => {
    button.disabled = true;
    note.textContent = "Loading …";
    try {
      await start(root);
    } catch (error) {
      const hint = FROM_DISK ? " From a disk not every browser starts it; after `make serve` each does." : "";
      note.textContent = `It does not start: ${error.message}.${hint}`;
    }
  };
  root.replaceChildren(button, note);
}

addEventListener("DOMContentLoaded", () => document.querySelectorAll(".ssd-live").forEach(offer));
})();
