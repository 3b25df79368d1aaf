// The explorer: every sentence of the run, by every encoder and measure. Its data are
// window.wordweightsRuns, which the run has written; its state is in the address.
(() => {
  "use strict";
  const root = document.getElementById("ww-explorer");
  const runs = window.wordweightsRuns || [];
  if (!root || !runs.length) return;
  const { node, number, count, correlation, scatter, key, CLASSES } = window.wordweights;

  const MOST = 5000; // points of a plot; of more, every n-th is drawn
  const LISTED = 1000; // sentences or occurrences in a list
  const TAGS = {
    ADJ: "adjective", ADP: "adposition", ADV: "adverb", AUX: "auxiliary",
    CCONJ: "coordinating conjunction", DET: "determiner", INTJ: "interjection", NOUN: "noun",
    NUM: "numeral", PART: "particle", PRON: "pronoun", PROPN: "proper noun", PUNCT: "punctuation",
    SCONJ: "subordinating conjunction", SYM: "symbol", VERB: "verb", X: "other", SPACE: "space",
  };
  const title = (name) => name.replaceAll("-", " ");
  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  const same = (text) => text.toLowerCase();

  // A measure belongs to the first run of sentences that has it.
  const runOf = new Map();
  for (const run of runs) {
    for (const measure of Object.keys(run.weights)) {
      if (!runOf.has(measure)) runOf.set(measure, run);
    }
    run.rows.sentence = run.sentences.length.flatMap((n, i) => Array(n).fill(i));
    run.first = d3.cumsum(run.sentences.length).map((end, i) => end - run.sentences.length[i]);
    run.at = new Map(run.sentences.id.map((id, i) => [id, i]));
  }
  const measures = [...runOf.keys()];
  const main = runs[0];

  // ---- the state, and the address that holds it

  const EMPTY = {
    encoder: "", beside: "", measure: measures[0], sentence: String(main.sentences.id[0]),
    search: "", origin: "", length: "", classes: CLASSES.join(" "), pos: "", word: "",
  };
  const state = { ...EMPTY };
  let current; // the row that is named, by pointer or keyboard

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(EMPTY)) state[name] = given.get(name) ?? EMPTY[name];
    if (!runOf.has(state.measure)) state.measure = measures[0];
    tidy();
  }

  // Nothing may be chosen that this run has not.
  function tidy() {
    const encoders = Object.keys(run().weights[state.measure]);
    if (!encoders.includes(state.encoder)) state.encoder = encoders[0];
    if (state.beside === state.encoder || !encoders.includes(state.beside)) state.beside = "";
    if (!run().rows.posNames?.includes(state.pos)) state.pos = "";
    if (!main.at.has(Number(state.sentence))) state.sentence = EMPTY.sentence;
    if (!main.sentences.originNames?.includes(state.origin)) state.origin = "";
    if (!main.sentences.length.includes(Number(state.length))) state.length = "";
  }

  function writeAddress() {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(state)) if (value !== EMPTY[name]) given.set(name, value);
    if (given.get("encoder") === Object.keys(run().weights[state.measure])[0]) given.delete("encoder");
    const address = given.size ? `#${given}` : location.pathname + location.search;
    try {
      history.replaceState(null, "", address);
    } catch {
      // browsers refuse many changes within seconds; the next one holds the whole state again
    }
  }

  // Narrow the list of sentences: nothing else changes.
  function narrow(values) {
    Object.assign(state, values);
    renderControls();
    writeAddress();
  }

  function change(values) {
    if (runOf.get(values.measure || state.measure) !== run()) current = undefined; // other rows
    Object.assign(state, values);
    tidy();
    render();
    writeAddress();
  }

  // ---- what the state selects

  const run = () => runOf.get(state.measure);
  const views = () => [state.encoder, state.beside].filter(Boolean);
  const here = () => run().at.get(Number(state.sentence)); // undefined: not weighed by this measure
  const text = (row) => run().words[run().rows.word[row]];
  const information = (row) => run().information[run().rows.word[row]];
  const classOf = (row) => run().rows.classNames[run().rows.class[row]];
  const posOf = (row) => run().rows.posNames?.[run().rows.pos[row]];
  const rowsOf = (sentence) => {
    const start = run().first[sentence];
    return d3.range(start, start + run().sentences.length[sentence]);
  };
  const isChosen = (row) => state.word !== "" && same(text(row)) === state.word;

  function errorOf(encoder, row) {
    const { error } = run().weights[state.measure][encoder];
    return error === 0 ? 0 : error?.[row] ?? null;
  }

  function pointsOf(encoder) {
    const { weight } = run().weights[state.measure][encoder];
    const classes = new Set(state.classes.split(" "));
    const points = [];
    weight.forEach((y, row) => {
      const [x, group] = [information(row), classOf(row)];
      if (y == null || x == null || !classes.has(group)) return;
      if (state.pos && posOf(row) !== state.pos) return;
      points.push({ row, x, y, group, chosen: isChosen(row) });
    });
    return points;
  }

  function interval(weight, error) {
    const half = main.quantile * error;
    return `${number(Math.max(0, weight - half))} to ${number(weight + half)}`;
  }

  function describe(encoder, row) {
    const weight = run().weights[state.measure][encoder].weight[row];
    if (weight == null) return `${encoder}: no weight`;
    const error = errorOf(encoder, row);
    if (error == null) return `${encoder}: ${number(weight)}`;
    if (error === 0) return `${encoder}: ${number(weight)} (exact)`;
    return `${encoder}: ${number(weight)} (95 % interval ${interval(weight, error)}, ` +
      `standard error ${number(error, 2)})`;
  }

  // ---- the page

  // A list that stays as it is keeps its place: it is not made anew.
  const options = (select, pairs, value) => {
    const made = JSON.stringify(pairs);
    if (select.made !== made) {
      select.replaceChildren(...pairs.map(([v, label]) => node("option", { value: v }, label)));
      select.made = made;
    }
    select.value = value;
  };
  const field = (label, control) => node("label", {}, node("span", {}, label), control);
  const chooser = (name, label, attributes = {}, act = change) => {
    const onchange = (event) => act({ [name]: event.target.value });
    controls[name] = node("select", { "data-key": `choose-${name}`, onchange, ...attributes });
    return field(label, controls[name]);
  };
  const controls = {};
  const status = node("p", { class: "ww-status", role: "status" });
  const notice = node("p", { class: "ww-notice" });
  const found = node("span", { class: "ww-found" });
  const panels = node("div", { class: "ww-panels" });
  const occurrences = node("section", { class: "ww-occurrences", "aria-label": "Occurrences" });
  const boxes = CLASSES.map((name) => {
    const onchange = () => {
      const on = CLASSES.filter((_, i) => boxes[i].checked);
      change({ classes: on.join(" ") });
    };
    return node("input", { type: "checkbox", "data-key": `class-${name}`, onchange });
  });
  controls.search = node("input", {
    type: "search", "data-key": "search", placeholder: "any text", maxlength: 200,
    oninput: (event) => narrow({ search: event.target.value }),
  });

  root.replaceChildren(
    node("form", { class: "ww-controls", onsubmit: (event) => event.preventDefault() },
      node("fieldset", {}, node("legend", {}, "Weights"),
        chooser("encoder", "Encoder"), chooser("beside", "Beside it"), chooser("measure", "Measure")),
      node("fieldset", {}, node("legend", {}, "Sentence"),
        field("Search", controls.search),
        main.originName && chooser("origin", capital(main.originName), {}, narrow),
        chooser("length", "Words", {}, narrow),
        node("label", { class: "ww-wide" }, found, chooser("sentence", "", { size: 6 }).lastChild)),
      node("fieldset", {}, node("legend", {}, "Words of the plot"),
        CLASSES.map((name, i) => node("label", { class: "ww-box" }, boxes[i], key(name), name)),
        main.rows.posNames && chooser("pos", "Part of speech"))),
    notice, status, panels, occurrences);

  function renderControls() {
    const encoders = Object.keys(run().weights[state.measure]);
    const about = (name) => {
      if (main.bases[name] === state.encoder) return `${name}, fine-tuned from it`;
      return main.bases[state.encoder] === name ? `${name}, before fine-tuning` : name;
    };
    options(controls.encoder, encoders.map((name) => [name, name]), state.encoder);
    options(controls.beside, [["", "none"], ...encoders.filter((n) => n !== state.encoder)
      .map((name) => [name, about(name)])], state.beside);
    options(controls.measure, measures.map((name) => [name, title(name)]), state.measure);
    const { sentences } = main;
    if (sentences.originNames) {
      options(controls.origin, [["", "any"], ...sentences.originNames.map((n) => [n, n])], state.origin);
    }
    const lengths = [...new Set(sentences.length)].sort(d3.ascending);
    options(controls.length, [["", "any number"], ...lengths.map((n) => [String(n), count(n)])], state.length);
    const passing = d3.range(sentences.id.length).filter((i) =>
      (!state.search || same(sentences.text[i]).includes(same(state.search))) &&
      (!state.origin || sentences.originNames[sentences.origin[i]] === state.origin) &&
      (!state.length || String(sentences.length[i]) === state.length));
    const listed = passing.slice(0, LISTED).map((i) => [String(sentences.id[i]), sentences.text[i]]);
    options(controls.sentence, listed, state.sentence);
    found.textContent = passing.length > LISTED
      ? `${count(passing.length)} sentences, the first ${LISTED}:`
      : `${count(passing.length)} of ${count(sentences.id.length)} sentences:`;
    boxes.forEach((box, i) => { box.checked = state.classes.split(" ").includes(CLASSES[i]); });
    if (controls.pos) {
      const tags = run().rows.posNames.map((tag) => [tag, TAGS[tag] || tag]);
      options(controls.pos, [["", "any"], ...tags], state.pos);
    }
    if (document.activeElement !== controls.search) controls.search.value = state.search;
  }

  function chipsOf(encoder, side) {
    const { weight } = run().weights[state.measure][encoder];
    const rows = rowsOf(here());
    const largest = d3.max(rows, (row) => weight[row]) || 1;
    return node("div", { class: "ww-chips" }, rows.map((row) => {
      const [w, error, nats] = [weight[row], errorOf(encoder, row), information(row)];
      const lines = [
        w == null ? "no weight" : number(w),
        error && interval(w, error),
        nats == null ? "unseen" : `${number(nats)} nats`,
      ];
      return node("button", {
        type: "button", "data-key": `chip-${side}-${row}`, "data-row": row,
        class: w == null ? "ww-chip ww-unknown" : "ww-chip",
        style: `--ww-share: ${Math.round(100 * (w || 0) / largest)}%`,
        "aria-pressed": String(isChosen(row)),
        onclick: () => choose(row), onfocus: () => name(row), onpointerenter: () => name(row),
      }, text(row), lines.filter(Boolean).map((line) => node("small", {}, line)));
    }));
  }

  function addPanel(encoder, side) {
    const panel = node("section", { class: "ww-panel", "aria-label": encoder },
      node("h2", {}, encoder), here() === undefined ? null : chipsOf(encoder, side));
    panels.append(panel);
    const all = pointsOf(encoder);
    const step = Math.ceil(all.length / MOST);
    const points = all.filter((p, i) => i % step === 0 || p.chosen);
    const plot = scatter(points, {
      width: Math.max(240, panel.clientWidth), height: 320, key: `plot-${side}`,
      label: `Weight against information by ${encoder}, ${count(points.length)} words. ` +
        "Arrow keys go from word to word, Enter shows where else a word stands.",
      onpoint: (point) => name(point.row),
      onchoose: (point) => choose(point?.row),
    });
    const words = all.length === points.length ? count(all.length) :
      `${count(all.length)} (${count(points.length)} drawn)`;
    const said = [`${words} words`, correlation(all)].filter(Boolean).join(", ");
    panel.append(plot, node("p", { class: "ww-r" }, said));
  }

  function renderOccurrences() {
    const rows = state.word ? d3.range(run().rows.word.length).filter(isChosen) : [];
    if (!rows.length) return occurrences.replaceChildren();
    const { weight } = run().weights[state.measure][state.encoder];
    rows.sort((a, b) => d3.descending(weight[a] ?? -1, weight[b] ?? -1));
    const items = rows.slice(0, LISTED).map((row) => {
      const sentence = run().rows.sentence[row];
      const words = rowsOf(sentence).map((r) => node(r === row ? "mark" : "span", {}, text(r)));
      const numbers = views().map((encoder) => {
        const w = run().weights[state.measure][encoder].weight[row];
        return node("b", {}, w == null ? "–" : number(w));
      });
      const id = String(run().sentences.id[sentence]);
      return node("li", {}, node("button", {
        type: "button", "data-key": `at-${row}`, "aria-pressed": String(id === state.sentence),
        onclick: () => { current = row; change({ sentence: id }); },
        onfocus: () => name(row), onpointerenter: () => name(row),
      }, numbers, words.flatMap((word) => [" ", word])));
    });
    const first = rows.length > LISTED ? `, the ${LISTED} heaviest` : "";
    occurrences.replaceChildren(
      node("h2", {}, `“${text(rows[0])}” in all sentences: ${count(rows.length)}${first}`),
      node("button", { type: "button", "data-key": "forget", onclick: () => choose() }, "Close this list"),
      node("ol", {}, items));
  }

  // Name a word: in the line above the plots, and by a ring and a frame in every panel.
  function name(row) {
    current = row;
    for (const plot of panels.querySelectorAll(".ww-scatter")) plot.mark(row);
    for (const button of panels.querySelectorAll(".ww-chip")) {
      button.classList.toggle("ww-named", Number(button.dataset.row) === row);
    }
    if (row === undefined) {
      return status.replaceChildren("Point at a word, or walk through a plot by arrow keys.");
    }
    const nats = information(row);
    const tag = posOf(row);
    status.replaceChildren(
      node("strong", {}, text(row)),
      ` – ${views().map((encoder) => describe(encoder, row)).join("; ")}; `,
      nats == null ? "never seen by the source of P(w)" : `information ${number(nats)} nats`,
      `; ${classOf(row)}${tag ? `, ${TAGS[tag] || tag}` : ""}. In: `,
      node("q", {}, run().sentences.text[run().rows.sentence[row]]));
  }

  // Choose a word, or none: its sentence is shown, and all its occurrences.
  function choose(row) {
    current = row;
    if (row === undefined) return change({ word: "" });
    const id = String(run().sentences.id[run().rows.sentence[row]]);
    return change({ word: same(text(row)), sentence: id });
  }

  function render() {
    const key = document.activeElement?.dataset?.key;
    const named = current < run().rows.word.length ? current : undefined; // a focus names another
    renderControls();
    const weighed = run().sentences.id.length;
    notice.textContent = here() === undefined ? `The run has weighed ${count(weighed)} sentences by ` +
      `${title(state.measure)}, and this one is not among them. Their words are in the plot.` : "";
    panels.replaceChildren();
    panels.classList.toggle("ww-two", views().length > 1);
    views().forEach(addPanel);
    renderOccurrences();
    const keyed = (wanted) => [...root.querySelectorAll("[data-key]")].find((e) => e.dataset.key === wanted);
    const focused = keyed(key) || keyed("plot-0"); // what had it may be gone
    if (key && focused !== document.activeElement) focused.focus({ preventScroll: true });
    name(named);
  }

  root.classList.add("ww-alive");
  readAddress();
  render();
  let width = panels.clientWidth;
  new ResizeObserver(() => {
    if (panels.clientWidth && panels.clientWidth !== width) { width = panels.clientWidth; render(); }
  }).observe(panels);
  window.addEventListener("hashchange", () => {
    if (location.hash && !location.hash.includes("=")) return; // the address of a heading
    current = undefined;
    readAddress();
    render();
  });
})();
