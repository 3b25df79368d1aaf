// Sliders that take the place of a chapter's figure; in print, and without scripts, the figure
// stays. What they draw with is loaded when the first of them comes near the window.
(() => {
  "use strict";
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const LIBRARIES = ["vendor/d3.min.js", "vendor/plot.umd.min.js", "shared.js"];
  let loaded;

  const load = (file) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: folder + file, onload: resolve, onerror: reject });
    document.head.append(script);
  });
  const loadAll = async () => { for (const file of LIBRARIES) await load(file); };

  // ---- the kinds: each says what its places are called, and draws one of them

  // A plot as one picture with a text: the names of its parts mean something to its author alone.
  function pictured(text, options) {
    const plot = Plot.plot({ style: { background: "none" }, ...options });
    for (const part of plot.querySelectorAll("[aria-label]")) part.removeAttribute("aria-label");
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", text);
    return plot;
  }

  // Along the path of Integrated Gradients: speed of the vector, and what each word has gathered.
  function path({ alphas, speed, words, gathered }) {
    const { number } = wordweights;
    const top = d3.max(gathered, (values) => d3.max(values));
    const draw = (at, width) => {
      const bars = words.map((word, i) => ({ i, word, value: gathered[at][i] }));
      const said = bars.map((bar) => `${bar.word} ${number(bar.value)}`).join(", ");
      return [
        pictured(`Speed of the sentence vector along the path, and a mark at ${alphas[at]}`, {
          width, marginLeft: 70, height: 150,
          x: { label: "place α on the path" }, y: { label: "speed", grid: true, zero: true, ticks: 4 },
          marks: [
            Plot.lineY(speed.value, { x: speed.alpha, y: speed.value }),
            Plot.ruleX([alphas[at]], { stroke: "var(--ww-function)", strokeWidth: 3 }),
          ],
        }),
        pictured(`What each word has gathered: ${said}`, {
          width, marginLeft: 70, height: 60 + 24 * words.length,
          x: { label: "gathered up to α: length of the word's vector", domain: [0, top * 1.1] },
          y: { label: null, domain: d3.range(words.length), tickFormat: (i) => words[i], tickSize: 0 },
          marks: [
            Plot.barX(bars, { x: "value", y: "i", fill: "var(--ww-content)" }),
            Plot.text(bars, { x: "value", y: "i", text: (d) => number(d.value), textAnchor: "start", dx: 4 }),
          ],
        }),
      ];
    };
    const name = (at) => {
      const heaviest = d3.maxIndex(gathered[at]);
      const most = gathered[at][heaviest] > 0 ? `: “${words[heaviest]}” has gathered most` : "";
      return `α = ${alphas[at].toFixed(2)}${most}`;
    };
    return { label: "Place α on the path", n: alphas.length, begin: Math.round(alphas.length / 2), draw, name };
  }

  // While an encoder is trained: the weights of words against their information.
  function training({ steps, words, information, classes, weights }) {
    const { node, number, scatter, correlation, key, CLASSES } = wordweights;
    const yDomain = [0, d3.max(weights, (values) => d3.max(values))];
    const xDomain = d3.extent(information);
    const points = (at) => words.map((word, row) => (
      { row, word, x: information[row], y: weights[at][row], group: classes[row] }));
    let current; // the word that is named, at every step
    const draw = (at, width) => {
      const some = points(at);
      const line = node("p", { class: "ww-status", role: "status" });
      const name = (row) => {
        const point = some[current = row];
        plot.mark(row);
        line.replaceChildren(...point
          ? [node("strong", {}, point.word), ` – ${number(point.y)}; information ${number(point.x)} nats`]
          : ["Point at a word, or walk by arrow keys."]);
      };
      const plot = scatter(some, {
        width, height: 340, xDomain, yDomain, key: "plot",
        label: `Weight against information at step ${steps[at]}, ${some.length} words`,
        onpoint: (point) => name(point.row), onchoose: (point) => name(point?.row),
      });
      name(current);
      return [node("p", {}, CLASSES.flatMap((c) => [key(c), ` ${c} `])), plot, line];
    };
    const name = (at) => `step ${steps[at]}: ${correlation(points(at))}`;
    return { label: "Training step", n: steps.length, begin: 0, draw, name };
  }

  const KINDS = { path, training };

  function start(figure, place) {
    const { node } = wordweights;
    const kind = KINDS[place.dataset.kind](JSON.parse(place.querySelector("script").textContent));
    const output = node("output", {});
    const range = node("input", { type: "range", min: 0, max: kind.n - 1, value: kind.begin });
    const picture = node("div", {});
    const widget = node("div", { class: "ww-slider-alive" },
      node("label", {}, node("span", {}, kind.label), range, output), picture);
    const draw = () => {
      const at = Number(range.value);
      output.textContent = kind.name(at);
      range.setAttribute("aria-valuetext", kind.name(at));
      picture.replaceChildren(...kind.draw(at, Math.max(240, picture.clientWidth)));
    };
    figure.classList.add("ww-moved"); // its picture is for print
    figure.insertBefore(widget, figure.querySelector("figcaption"));
    range.addEventListener("input", draw);
    let width = 0;
    new ResizeObserver(() => {
      if (!picture.clientWidth || picture.clientWidth === width) return;
      width = picture.clientWidth;
      draw();
    }).observe(picture);
  }

  const places = new Map(); // by figure: the place of the data is never seen
  for (const place of document.querySelectorAll(".ww-slider")) {
    places.set(document.getElementById(place.dataset.figure), place);
  }
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      loaded = loaded || loadAll();
      loaded.then(() => start(target, places.get(target)));
    }
  }, { rootMargin: "800px" });
  for (const figure of places.keys()) near.observe(figure);
})();
