// What the pages with scripts share; only plots need the libraries. Classic scripts: a page that is
// opened from the disk loads no modules. Text from sentences only ever becomes text nodes.
window.wordweights = (() => {
  "use strict";

  const CLASSES = ["content", "function", "punctuation"];
  const COLOURS = { domain: CLASSES, range: CLASSES.map((name) => `var(--ww-${name})`) };
  const SYMBOLS = { domain: CLASSES, range: ["circle", "square", "diamond"] };
  const NEAR = 30; // pixels from the pointer to a point that it means
  const INFORMATION = "information −ln P(w) [nats]";

  // Make an element; attributes that begin with "on" are listeners.
  function node(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child != null));
    return made;
  }

  // Write a number with three significant digits, and large ones whole rather than by an exponent.
  const number = (value, digits = 3) =>
    value ? (Math.abs(value) >= 10 ** digits - 0.5 ? value.toFixed(0) : value.toPrecision(digits)) : "0";

  const count = (value) => value.toLocaleString("en");

  // Pearson's r, as text; empty where there is none.
  function correlation(points) {
    const [x, y] = [d3.mean(points, (p) => p.x), d3.mean(points, (p) => p.y)];
    const sum = (f) => d3.sum(points, f);
    const spread = Math.sqrt(sum((p) => (p.x - x) ** 2) * sum((p) => (p.y - y) ** 2));
    const r = sum((p) => (p.x - x) * (p.y - y)) / spread;
    return Number.isFinite(r) ? `r = ${r.toFixed(2).replace("-", "−")}` : "";
  }

  // Weight against information, a point for each word. The whole is one stop for the tab key;
  // arrow keys go from word to word, and onpoint(point) and onchoose(point) say where they are.
  function scatter(points, options) {
    const { width, height = 300, label, onpoint, onchoose, key } = options;
    const { xDomain, yDomain } = points.length ? options : { xDomain: [0, 1], yDomain: [0, 1] };
    const groups = d3.group(points, (p) => p.group);
    const fitted = points.filter((p) => new Set(groups.get(p.group).map((q) => q.x)).size > 2);
    const plot = Plot.plot({
      width, height, marginLeft: 50, marginBottom: 40, style: { background: "none" },
      x: { label: INFORMATION, domain: xDomain, nice: true, grid: true },
      y: { label: "weight", domain: yDomain, zero: true, nice: true, grid: true },
      color: COLOURS, symbol: SYMBOLS,
      marks: [
        Plot.dot(points, { x: "x", y: "y", fill: "group", symbol: "group", fillOpacity: 0.5, r: 2.5 }),
        Plot.dot(points.filter((p) => p.chosen), { x: "x", y: "y", r: 5, stroke: "currentColor" }),
        fitted.length === 0 ? null : Plot.linearRegressionY(fitted, { x: "x", y: "y", stroke: "group", ci: 0 }),
      ],
    });
    plot.setAttribute("aria-hidden", "true");
    const [x, y] = ["x", "y"].map((name) => plot.scale(name).apply);
    const places = points.map((p) => [x(p.x), y(p.y)]);
    const ring = d3.select(plot).append("circle").attr("r", 7).attr("class", "ww-ring");
    const frame = node("div", {
      class: "ww-scatter", tabindex: 0, role: "application", "aria-label": label, "data-key": key,
      "aria-roledescription": "scatter plot",
    }, plot);

    // Two orders to walk in: by information (left, right) and by weight (down, up).
    const across = d3.range(points.length).sort((a, b) => places[a][0] - places[b][0] || a - b);
    const upwards = d3.range(points.length).sort((a, b) => places[b][1] - places[a][1] || a - b);
    const KEYS = {
      ArrowRight: [across, 1], ArrowLeft: [across, -1], ArrowUp: [upwards, 1],
      ArrowDown: [upwards, -1], Home: [across, -Infinity], End: [across, Infinity],
    };
    let at = -1;

    // Show where a point is, without telling anyone: row is what points carry by that name.
    frame.mark = (row) => {
      at = points.findIndex((p) => p.row === row);
      ring.attr("visibility", at < 0 ? "hidden" : null);
      if (at >= 0) ring.attr("cx", places[at][0]).attr("cy", places[at][1]);
    };
    const go = (i) => onpoint(points[i]);
    frame.addEventListener("focus", () => points.length && go(at < 0 ? across[0] : at));
    frame.addEventListener("keydown", (event) => {
      if (!points.length || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "Enter" || event.key === " ") onchoose(points[Math.max(at, 0)]);
      else if (event.key === "Escape") onchoose(null);
      else if (event.key in KEYS) {
        const [order, step] = KEYS[event.key];
        const next = order.indexOf(at) + step;
        go(order[Math.max(0, Math.min(points.length - 1, next))]);
      } else return;
      event.preventDefault();
    });
    const delaunay = points.length ? d3.Delaunay.from(places) : null;
    const nearest = (event) => {
      const [px, py] = d3.pointer(event, plot);
      const i = delaunay ? delaunay.find(px, py) : -1;
      return i >= 0 && Math.hypot(places[i][0] - px, places[i][1] - py) < NEAR ? i : -1;
    };
    plot.addEventListener("pointermove", (event) => {
      const i = nearest(event);
      if (i >= 0 && i !== at) go(i);
    });
    plot.addEventListener("click", (event) => {
      const i = nearest(event);
      if (i >= 0) onchoose(points[i]);
    });
    frame.mark(undefined);
    return frame;
  }

  // The colour and shape of a class.
  const key = (name) => node("span", { class: `ww-key ww-${name}`, "aria-hidden": "true" });

  return { node, number, count, correlation, scatter, key, CLASSES };
})();
