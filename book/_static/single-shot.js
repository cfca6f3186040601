/* The figures that a reader can move. ssd.draw.interactive writes them: a picture, a still state on it, a caption,
   numbers as JSON. This script takes the still state off and draws what the reader makes of it. Handles take a finger,
   a mouse or the arrow keys; the caption says the numbers. */
(() => {
"use strict";

const numbers = count => [...Array(count).keys()];
const sum = values => values.reduce((total, value) => total + value, 0);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const two = value => value.toFixed(2);
const short = value => `${+two(value)}`;

// --- The method, as the package has it; the tests compare ---

// Overlaps in 32 bits, step by step as in the package: what is equal there is equal here.
const f = Math.fround;
const area = ([x0, y0, x1, y1]) => f(Math.max(f(x1 - x0), 0) * Math.max(f(y1 - y0), 0));

function shared(a, b) {
	const [width, height] = [0, 1].map(k => Math.max(f(Math.min(a[k + 2], b[k + 2]) - Math.max(a[k], b[k])), 0));
	return f(width * height);
}

function iou(a, b) {
	const both = shared(a, b);
	return f(both / f(f(area(a) + Math.max(area(b), 2 ** -126)) - both));
}

function encode(box, prior, variances) {
	return variances.map((variance, i) => {
		const k = i % 2, side = prior[k + 2] - prior[k];
		const moved = (box[k] + box[k + 2] - prior[k] - prior[k + 2]) / 2 / side;
		return (i < 2 ? moved : Math.log((box[k + 2] - box[k]) / side)) / variance;
	});
}

// The priors of a cell (row, column), as fractions of the picture.
function priorsAt({ step, shapes }, cell, size) {
	return shapes.map(shape => numbers(4).map(i => {
		const centre = f((cell[1 - i % 2] + 0.5) * step / size), half = f(f(shape[i % 2] / size) / 2);
		return f(i < 2 ? centre - half : centre + half);
	}));
}

// For each prior its object or -1, for each object its own prior, and all overlaps.
function match(priors, boxes, threshold) {
	const table = boxes.map(box => priors.map(prior => iou(box, prior))), own = [];
	const matched = priors.map((_, p) => {
		const best = table.reduce((first, row, g) => (row[p] > table[first][p] ? g : first), 0);
		return table[best][p] >= f(threshold) && table[best][p] > 1e-6 ? best : -1;
	});
	const pairs = table.flatMap((row, g) => row.map((value, p) => [value, p, g])).filter(([value]) => value > 1e-6);
	for (const [, p, g] of pairs.sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2])) {
		if (!(g in own) && !own.includes(p)) matched[own[g] = p] = g;
	}
	return { matched, own, table };
}

// Which boxes stay; they come best first, and classes do not see each other.
function suppress(boxes, labels, threshold) {
	const kept = [];
	boxes.forEach((box, i) => {
		if (!kept.some(k => labels[k] === labels[i] && iou(boxes[k], box) > f(threshold))) kept.push(i);
	});
	return kept;
}

// Recall and precision after each detection, and average precision.
function measure(verdicts, objects) {
	let right = 0, counted = 0, best = 0;
	const points = verdicts.map(verdict => {
		right += verdict === "right";
		counted += verdict !== "ignored";
		return [right / objects, right / Math.max(counted, 1), right, counted];
	});
	const stairs = points.map(point => point[1]).reverse().map(height => (best = Math.max(best, height))).reverse();
	// 3 * 0.1 is 0.30000000000000004, as in the package.
	const readings = numbers(11).map(i => stairs[points.findIndex(([recall]) => recall >= i * 0.1)] ?? 0);
	const under = sum(stairs.map((height, i) => (points[i][0] - (i && points[i - 1][0])) * height));
	return { points, stairs, readings, eleven: sum(readings) / 11, under };
}

// --- What the figures share ---

const set = (element, attributes) => Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
const spread = ([x, y, x1, y1]) => ({ x, y, width: x1 - x, height: y1 - y });

function add(parent, name, attributes = {}, text = "") {
	const space = name === "svg" ? "http://www.w3.org/2000/svg" : parent.namespaceURI;
	const element = parent.appendChild(document.createElementNS(space, name));
	set(element, attributes);
	element.textContent = text;
	return element;
}

const KINDS = {};

// Its kind sets a figure up and returns what draws it and says its caption, again after each change.
function open(figure) {
	const data = JSON.parse(figure.querySelector("[type='application/json']").textContent);
	const svg = figure.querySelector("svg"), caption = figure.querySelector("figcaption");
	const { width, height } = svg.viewBox.baseVal, unit = Math.max(width, height) / 400;
	figure.querySelectorAll(".ssd-still").forEach(still => still.remove());
	svg.setAttribute("role", "group");
	const [back, bodies, handles] = numbers(3).map(() => add(svg, "g"));
	const panel = figure.querySelector(".ssd-panel"), layers = [back];

	function refresh() {
		layers.forEach(layer => layer.replaceChildren());
		const said = draw().replace(/\s+/g, " ");
		if (said !== caption.textContent) caption.textContent = said;
	}

	// A box, with a word in its corner; `more` are attributes.
	function box(place, stroke, { text, line = 2.5, ...more } = {}, layer = back) {
		const rect = add(layer, "rect", { ...spread(place), fill: "none", stroke, "stroke-width": line * unit, ...more });
		const [x, y] = place.map(value => Math.max(value, 0));
		if (text) add(layer, "text", { x, y, dx: ".23em", dy: "1em", "font-size": 13 * unit }, text);
		return rect;
	}

	// A slider with its name and value; returns what reads it.
	function range(name, [min, max, step, value], show = two) {
		const label = add(panel, "label", {}, name), input = add(label, "input", { type: "range", min, max, step, value });
		const output = add(label, "output");
		input.oninput = event => {
			input.ariaValueText = output.textContent = show(+input.value);
			if (event) refresh();
		};
		input.oninput();
		return () => +input.value;
	}

	function buttons(name, words, press) {
		const row = add(panel, "div", { class: "ssd-row", role: "group", "aria-label": name });
		return words.map((word, i) => {
			const button = add(row, "button", { type: "button" }, word);
			button.onclick = () => { press(i); refresh(); };
			return button;
		});
	}

	const where = event => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());

	// Makes an element a handle for the arrow keys.
	function steer(element, label, max, move) {
		set(element, { role: "slider", tabindex: 0, "aria-label": `${label}, moved by arrow keys`, "aria-valuemax": max });
		element.onkeydown = event => {
			const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
			if (!way || event.altKey || event.metaKey) return;
			event.preventDefault();
			move(...way);
		};
	}

	// Lets a box be dragged, and stretched by its lower right corner; it changes in place.
	function movable(place, name, colour, step) {
		const body = box(place, colour, { line: 3.5, fill: colour, "fill-opacity": 0.08 }, bodies), corner = add(handles, "g");
		const circles = [["transparent", 22], [colour, 7]].map(([fill, r]) => [add(corner, "circle", { fill }), r]);
		function arrange() {
			const pixel = 1 / (svg.getScreenCTM()?.a || 1), said = place.map(short); // a finger needs 44 of the screen's
			set(body, spread(place));
			circles.forEach(([circle, r]) => set(circle, { cx: place[2], cy: place[3], r: r * pixel }));
			[body, corner].forEach((handle, i) => set(handle, {
				"aria-valuenow": said[2 * i], "aria-valuetext": `${said[0]}, ${said[1]} to ${said[2]}, ${said[3]}` }));
		}
		[body, corner].forEach((handle, stretch) => {
			const shift = (...by) => {
				by.forEach((delta, k) => {
					const low = stretch ? place[k] + 2 * step - place[k + 2] : -place[k];
					delta = clamp(Math.round(delta / step) * step, low, [width, height][k] - place[k + 2]);
					if (!stretch) place[k] += delta;
					place[k + 2] += delta;
				});
				arrange();
				refresh();
			};
			steer(handle, stretch ? `corner of ${name}` : name, width, (dx, dy) => shift(dx * step, dy * step));
			handle.ontouchstart = event => event.preventDefault();
			handle.onpointerdown = event => {
				const start = where(event), before = [...place];
				event.preventDefault();
				handle.focus({ preventScroll: true });
				handle.setPointerCapture(event.pointerId);
				handle.onpointermove = handle.onpointerup = moved => {
					const { x, y } = where(moved);
					place.splice(0, 4, ...before);
					shift(x - start.x, y - start.y);
				};
			};
			handle.onlostpointercapture = () => { handle.onpointermove = handle.onpointerup = null; };
		});
		new ResizeObserver(arrange).observe(svg);
	}

	// A plot below the picture; returns its layer and where shares from 0 to 1 are.
	function chart(xName, yName) {
		const plot = add(panel, "svg", { viewBox: "0 0 400 200", role: "img", "aria-label": `${yName} over ${xName}` });
		add(plot, "path", { d: "M24 12V178H388" });
		add(plot, "text", { x: 206, y: 195 }, xName);
		add(plot, "text", { x: -95, y: 15, transform: "rotate(-90)" }, yName);
		layers.push(add(plot, "g"));
		return { layer: layers.at(-1), x: share => 24 + 364 * share, y: share => 178 - 160 * share };
	}

	const draw = KINDS[figure.dataset.kind](
		data, { svg, width, height, unit, back, handles, panel, refresh, box, range, buttons, where, steer, movable, chart });
	refresh();
}

const press = (all, chosen) => all.forEach((button, i) => set(button, { "aria-pressed": i === chosen }));

// --- The figures; the first argument is their JSON ---

// Two boxes on squared paper.
KINDS.iou = ({ boxes, colours, variances, step }, { box, movable }) => {
	const [a, b] = boxes, size = place => `${short(place[2] - place[0])} by ${short(place[3] - place[1])}`;
	boxes.forEach((place, i) => movable(place, `box ${"ab"[i]}`, colours[i], step));
	return () => {
		const both = shared(a, b), overlap = numbers(4).map(i => (i < 2 ? Math.max : Math.min)(a[i], b[i]));
		if (both) box(overlap, "none", { fill: colours[2], "fill-opacity": 0.4 });
		boxes.forEach((place, i) => box(place, "none", { text: "ab"[i] }));
		const offsets = encode(b, a, variances).map((t, i) => `t_${"xywh"[i]} ${two(t)}`).join(", ");
		return `a is ${size(a)}, b is ${size(b)}. Shared: ${short(both)} squares; covered: ${short(area(a) + area(b) - both)}.
			IoU ${two(iou(a, b))}. ${offsets && `From prior a to object b: ${offsets}.`}`;
	};
};

// The priors of a cell, over a picture.
KINDS.priors = ({ size, levels, boxes, names, level, cells, colours }, { width, height, back, handles, ...on }) => {
	const objects = boxes.map(place => place.map(value => f(value / size)));
	const field = add(handles, "rect", { class: "ssd-cells", width, height, fill: "transparent" });
	const go = (...cell) => {
		cells[level] = cell.map(value => clamp(value, 0, levels[level].grid - 1));
		on.refresh();
	};
	on.steer(field, "cell", levels[0].grid, (dx, dy) => go(cells[level][0] + dy, cells[level][1] + dx));
	field.onpointermove = field.onpointerdown = event => {
		const { x, y } = on.where(event), { step } = levels[level];
		go(Math.floor(y / step), Math.floor(x / step));
	};
	const all = on.buttons("map", levels.map(({ grid }) => `${grid} × ${grid}`), i => { level = i; });
	return () => {
		const { grid, step } = levels[level], [row, column] = cells[level], priors = priorsAt(levels[level], [row, column], size);
		const d = numbers(grid).map(i => `M${i * step} 0V${size}M0 ${i * step}H${size}`).join("");
		press(all, level);
		add(back, "path", { d, stroke: "#fff", "stroke-width": 0.6, opacity: 0.8 });
		add(back, "rect", { x: column * step, y: row * step, width: step, height: step, fill: "#fff", opacity: 0.6 });
		boxes.forEach((place, g) => on.box(place, colours[0], { text: names[g] }));
		let best = [0], reach = 0;
		priors.forEach(prior => {
			const overlaps = objects.map(object => iou(prior, object)), most = Math.max(...overlaps), good = most >= 0.5;
			if (most > best[0]) best = [most, names[overlaps.indexOf(most)]];
			reach += good;
			on.box(prior.map(value => value * size), colours[good ? 2 : 1]);
		});
		set(field, { "aria-valuenow": column, "aria-valuetext": `row ${row + 1}, column ${column + 1}` });
		const said = best[1] ? `the best of ${priors.length} priors overlaps the ${best[1]} by ${two(best[0])}` : "no overlap";
		return `Map of ${grid} × ${grid}, row ${row + 1}, column ${column + 1}: ${said}; ${reach} reach one half.`;
	};
};

// Which priors answer for an object that moves.
KINDS.matching = ({ size, levels, boxes, names, moving, threshold, colours }, { width, height, unit, box, ...on }) => {
	const sides = [width, height, width, height], priors = levels.flatMap(level => numbers(level.grid ** 2).flatMap(
		i => priorsAt(level, [Math.floor(i / level.grid), i % level.grid], size)));
	const level = on.range("threshold", [0.3, 0.9, 0.05, threshold]);
	on.movable(boxes[moving], names[moving], colours[0], Math.round(width / 50));
	return () => {
		const { matched, own, table } = match(priors, boxes.map(place => place.map((v, i) => f(v / sides[i]))), level());
		const show = (p, kind, colour, line) =>
			box(priors[p].map((value, i) => value * sides[i]), colour, { class: kind, "data-prior": p, line });
		matched.forEach((g, p) => g >= 0 && !own.includes(p) && show(p, "follows", colours[2], 1.5));
		own.forEach(p => show(p, "own", colours[1], 3.5));
		boxes.forEach((place, g) =>
			box(place, g === moving ? "none" : colours[0], { text: names[g], "stroke-dasharray": 6 * unit }));
		const each = names.map((name, g) => `${name}: ${g in own
			? `${two(table[g][own[g]])} with its own prior, ${sum(matched.map(m => m === g)) - 1} follow` : "no prior"}`);
		return `${sum(matched.map(g => g >= 0))} priors are matched. ${each.join("; ")}.`;
	};
};

// Negatives for each positive.
KINDS.mining = (data, { box, range, chart }) => {
	const { boxes, losses, matched, matchedLoss, unmatched, unmatchedLoss, objects, names, ratio, colours } = data;
	const level = range("negatives for each positive", [0, 10, 1, ratio], String), most = losses.length;
	const { layer, x, y } = chart(`the ${most} worst of the unmatched priors`, `loss, from 0 to ${two(losses[0])}`);
	return () => {
		const count = level() * matched, mined = sum(losses.slice(0, count));
		boxes.slice(0, count).reverse().forEach(place => box(place, colours[1], { line: 1.5, class: "mined" }));
		objects.forEach((place, g) => box(place, colours[0], { text: names[g] }));
		losses.forEach((loss, i) => add(layer, "rect", {
			...spread([x(i / most), y(loss / losses[0]), x((i + 0.8) / most), y(0)]),
			fill: i < count ? colours[1] : "currentColor", opacity: i < count ? 1 : 0.25 }));
		return `${level()} for each of ${matched} matched priors: ${count} of ${unmatched} unmatched ones. They bring
			${two(mined)} of the ${two(unmatchedLoss)} that all would bring. Confidence loss:
			(${two(matchedLoss)} + ${two(mined)}) / ${matched} = ${two((matchedLoss + mined) / matched)}.`;
	};
};

// Windows of the seven samplers.
KINDS.samplers = ({ boxes, names, samplers, chosen, colours }, { svg, width, height, unit, back, panel, box, buttons }) => {
	const seen = samplers.map(() => 0), all = buttons("sampler", samplers.map(({ name }) => name), i => { chosen = i; });
	buttons("window", ["another"], () => { seen[chosen] = (seen[chosen] + 1) % samplers[chosen].windows.length; });
	const view = add(panel, "svg", { class: "ssd-view", preserveAspectRatio: "none", "aria-hidden": true });
	return () => {
		const { asks, windows } = samplers[chosen], { window, overlap, stays } = windows[seen[chosen]];
		const [x0, y0, x1, y1] = window, list = yes => names.filter((_, g) => stays[g] === yes).join(", ") || "none";
		press(all, chosen);
		add(back, "path", { d: `M0 0H${width}V${height}H0ZM${x0} ${y0}V${y1}H${x1}V${y0}Z`, "fill-opacity": 0.55 });
		boxes.forEach((place, g) => box(place, colours[stays[g] ? 0 : 1], {
			text: stays[g] ? names[g] : `(${names[g]})`, "stroke-dasharray": stays[g] ? "none" : 6 * unit }));
		box(window, colours[2], { line: 4, class: "window" });
		view.setAttribute("viewBox", [x0, y0, x1 - x0, y1 - y0]);
		view.replaceChildren(svg.querySelector("image").cloneNode());
		return `This sampler ${asks}. Window ${seen[chosen] + 1} of ${windows.length}: its largest overlap with an object is
			${two(overlap)}. Stay: ${list(true)}. Dropped: ${list(false)}.`;
	};
};

// Two thresholds; `claims` says which object a box fits, or -1.
KINDS.suppression = ({ boxes, scores, labels, claims, objects, score, overlap, colours }, { box, range }) => {
	const floor = range("score threshold", [0.02, 0.9, 0.01, score]);
	const limit = range("IoU threshold", [0.05, 0.95, 0.05, overlap]);
	return () => {
		const some = boxes.slice(0, scores.filter(value => f(value) > f(floor())).length);
		const kept = suppress(some, labels, limit()), count = { right: 0, again: 0, wrong: 0 }, taken = new Set();
		some.forEach((place, i) => kept.includes(i) || box(place, colours.dropped, { line: 1, opacity: 0.6 }));
		const verdicts = kept.map(i => {
			const verdict = claims[i] < 0 ? "wrong" : taken.has(claims[i]) ? "again" : "right";
			taken.add(claims[i]);
			count[verdict]++;
			return [i, verdict];
		});
		verdicts.reverse().forEach(([i, verdict]) => box(boxes[i], colours[verdict], {
			text: verdict === "right" ? "" : verdict, class: verdict, "data-box": i }));
		return `${some.length} boxes score above ${two(floor())}; ${kept.length} of them stay. Objects found (green):
			${count.right} of ${objects}. Found again (vermilion): ${count.again}. Wrong (purple): ${count.wrong}.`;
	};
};

// A list of detections, its curve and its average precision.
KINDS.precision = ({ boxes, scores, verdicts, objects, taken, colours }, { box, range, buttons, chart }) => {
	const given = [...verdicts], signs = { right: "✓", wrong: "×", again: "×", ignored: "–" };
	const level = range("down to detection", [1, boxes.length, 1, taken], i => `${i}, score ${two(scores[i - 1])}`);
	const flags = buttons("right or wrong", boxes, i => {
		if (verdicts[i] === "right") verdicts[i] = given[i] === "right" ? "wrong" : given[i];
		else if (measure(verdicts, objects).points.at(-1)[2] < objects) verdicts[i] = "right";
	});
	const { layer, x, y } = chart("recall, from 0 to 1", "precision, from 0 to 1");
	const line = (points, more) =>
		add(layer, "polyline", { points: points.map(p => [x(p[0]), y(p[1])]), fill: "none", stroke: colours.curve, ...more });
	const dot = (recall, precision, r, fill) => add(layer, "circle", { cx: x(recall), cy: y(precision), r, fill });
	return () => {
		const all = measure(verdicts, objects), last = level(), here = measure(verdicts.slice(0, last), objects);
		const text = i => `${i + 1} ${signs[verdicts[i]]}`;
		numbers(last).reverse().forEach(i => box(boxes[i], colours[verdicts[i]], { text: text(i), class: verdicts[i] }));
		flags.forEach((flag, i) => {
			flag.textContent = text(i);
			flag.ariaLabel = `detection ${i + 1}: ${verdicts[i]}`;
			flag.style.borderColor = colours[verdicts[i]];
		});
		const steps = all.stairs.flatMap((best, i) => [[i && all.points[i - 1][0], best], [all.points[i][0], best]]);
		line(steps, { stroke: "currentColor", "stroke-dasharray": "4 3" });
		line(all.points, { opacity: 0.6 });
		line(here.points, { "stroke-width": 3 });
		all.readings.forEach((best, i) => dot(i / 10, best, 3, "currentColor"));
		const [recall, precision, right, counted] = here.points.at(-1);
		dot(recall, precision, 7, colours.wrong);
		const aps = ({ eleven, under }) => `${eleven.toFixed(3)} by eleven readings, ${under.toFixed(3)} by the area`;
		return `Down to detection ${last}: precision ${right}/${counted}, recall ${right}/${objects}.
			AP of the whole list: ${aps(all)}. Of the list down to here: ${aps(here)}.`;
	};
};

const start = () => document.querySelectorAll("figure.ssd-move:not([data-moves])").forEach(figure => {
	figure.dataset.moves = "";
	open(figure);
});

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
})();
