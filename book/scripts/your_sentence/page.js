// The page "Your own sentence": its form, a worker that computes, and what it shows. What the reader
// types only ever becomes text.
(() => {
  "use strict";
  const folder = new URL(".", document.currentScript.src);
  const form = document.getElementById("your-sentence");
  const { sentence, encoder } = form.elements;
  const status = form.querySelector("[role=status]");
  const result = document.getElementById("your-sentence-result");

  const { node, number } = window.wordweights;
  const NOTHING = "–";

  const percent = (share) => `${(100 * share).toFixed(1)} %`;

  // A worker from the text of a function: from disk, no script may start one from a file.
  const work = `
    const { readCheckpoint, weigh } = (${sentenceEncoder})();
    const models = {};
    onmessage = ({ data: { name, checkpoint, pooling, text } }) => {
      try {
        if (checkpoint) models[name] = readCheckpoint(checkpoint);
        const progress = (done) => postMessage({ done });
        postMessage(weigh(models[name], pooling, text, { progress }));
      } catch (error) {
        postMessage({ failed: error.message });
      }
    };`;
  const worker = new Worker(URL.createObjectURL(new Blob([work], { type: "text/javascript" })));
  const sent = new Set(); // the checkpoints that the worker has
  let busy = false;
  let waiting = false; // whether another sentence was asked for meanwhile

  function ask(message) {
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => {
        if (data.failed) reject(new Error(data.failed));
        else if (data.done) status.textContent = `Computing: ${Math.round(100 * data.done)} %`;
        else resolve(data);
      };
      worker.onerror = () => reject(new Error("This browser lets no page compute beside itself"));
      worker.postMessage(message);
    });
  }

  function load(name) {
    return new Promise((resolve, reject) => {
      if (window.wordweightsEncoders?.[name]) return resolve();
      status.textContent = "Loading the encoder, 5 MB, once.";
      const script = node("script", { src: new URL(`encoders/${name}.js`, folder) });
      script.onload = resolve;
      script.onerror = () => reject(new Error(`The file of the encoder, ${script.src}, is not there`));
      document.head.append(script);
    });
  }

  function chip(text, weight, largest) {
    const share = weight ? weight / largest : 0;
    const shown = weight === null ? "?" : number(weight);
    return node("span", {
      class: weight === null ? "ww-chip ww-unknown" : "ww-chip",
      style: `--ww-share: ${Math.round(100 * share)}%`,
    }, text, node("small", {}, shown));
  }

  function table(caption, heads, rows) {
    const head = node("tr", {}, ...heads.map((text) => node("th", { scope: "col" }, text)));
    const body = rows.map(([name, ...cells]) =>
      node(
        "tr",
        {},
        node("th", { scope: "row" }, name),
        ...cells.map((text) => node("td", {}, text)),
      ),
    );
    return node(
      "table",
      { class: "dataframe" },
      node("caption", {}, caption),
      node("thead", {}, head),
      node("tbody", {}, ...body),
    );
  }

  function show(name, text, { words, contribution, residual, nodes, converged }, seconds) {
    const weights = contribution.map((weight, i) => (words[i].known ? weight : null));
    const largest = Math.max(...weights);
    const said = [`The heaviest word is “${words[weights.indexOf(largest)]?.text}”.`];
    if (largest <= 0) said[0] = "No word has a weight.";
    if (/<[^>]*>/.test(text)) said.push("Markup is not interpreted: its signs are read as text.");
    if (weights.includes(null)) said.push("A “?” is a word that the encoder does not know.");
    if (!converged) said.push("The residual is too large to trust these numbers.");
    status.textContent = said.join(" ");
    const rows = words.map(({ text: word, information }, i) => [
      word,
      information === null ? NOTHING : information.toFixed(2),
      weights[i] === null ? "?" : number(weights[i]),
    ]);
    result.replaceChildren(
      node("p", { class: "ww-chips" }, ...weights.map((w, i) => chip(words[i].text, w, largest))),
      table(
        `Words by ${name}, norm="vector"; information in nats`,
        ["word", "information", "contribution"],
        rows,
      ),
      node(
        "p",
        { class: "certificate" },
        `Residual ${percent(residual)}, with ${nodes} nodes. Computed in ${seconds.toFixed(1)} s, on this device.`,
      ),
    );
  }

  async function run() {
    const text = sentence.value.normalize("NFC").trim();
    const { value: name } = encoder;
    const { file } = encoder.selectedOptions[0].dataset;
    waiting = busy;
    if (busy) return;
    result.replaceChildren();
    if (!text) {
      status.textContent = "The sentence is empty: type at least one word.";
      return;
    }
    busy = true;
    history.replaceState(null, "", `#${new URLSearchParams({ sentence: text, encoder: name })}`);
    try {
      await load(file);
      const checkpoint = window.wordweightsEncoders[file];
      status.textContent = "Computing";
      const start = performance.now();
      const found = await ask({
        name: file,
        checkpoint: sent.has(file) ? null : checkpoint,
        pooling: checkpoint.readings[name],
        text,
      });
      sent.add(file);
      if (found.ids.length > checkpoint.config.max_position_embeddings) {
        status.textContent =
          `The sentence is too long: with the two special tokens it has ${found.ids.length} wordpieces, ` +
          `and this encoder reads ${checkpoint.config.max_position_embeddings}. Shorten it.`;
      } else if (!found.contribution) {
        status.textContent = "The encoder reads nothing there: type at least one word.";
      } else show(name, text, found, (performance.now() - start) / 1000);
    } catch (error) {
      status.textContent = `Nothing was computed. ${error.message}.`;
    } finally {
      busy = false;
      if (waiting) run();
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  form.hidden = false;

  // An address that was sent holds a sentence.
  function readAddress() {
    const state = new URLSearchParams(location.hash.slice(1));
    if (!state.get("sentence")) return;
    sentence.value = state.get("sentence");
    if ([...encoder.options].some(({ value }) => value === state.get("encoder"))) {
      encoder.value = state.get("encoder");
    }
    run();
  }
  window.addEventListener("hashchange", readAddress);
  readAddress();
})();
