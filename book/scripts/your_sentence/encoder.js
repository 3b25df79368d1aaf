// A small BERT in the reader's browser: wordpieces, forward pass, and Integrated Gradients.
//
// `norm="vector"` needs no backward pass. The share of a word in the sentence vector is the integral,
// along the straight path from the baseline to the sentence, of the derivative in the direction of the
// word's own change; forward mode carries that derivative through the layers beside the values.
//
// Everything is inside one function, so that the page can hand its text to a worker. Arrays of numbers
// have the shape (1 + directions, tokens, width): first the values, then their derivative in each
// direction.
function sentenceEncoder() {
  "use strict";

  const SPECIAL = -1; // the word of a special token
  const LADDER = [8, 12, 16, 24, 32, 48, 64]; // nodes of the integral
  const TOLERANCE = 0.01; // relative completeness residual, as in the library

  // ---- The checkpoint: the bytes of a safetensors file in half precision

  function readCheckpoint({ config, vocabulary, information, weights }) {
    const binary = atob(weights);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    const view = new DataView(bytes.buffer);
    const start = 8 + Number(view.getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
    const tensor = (name) => {
      // a checkpoint that has its language model's head holds the encoder under a name
      const { dtype, data_offsets: [from, to] } = header[name] ?? header[`bert.${name}`];
      if (dtype !== "F16") throw new Error(`${name} is ${dtype}, not in half precision.`);
      const result = new Float64Array((to - from) / 2);
      for (let i = 0; i < result.length; i++) result[i] = HALVES[view.getUint16(start + from + 2 * i, true)];
      return result;
    };
    const dense = (name) => ({ weight: tensor(`${name}.weight`), bias: tensor(`${name}.bias`) });
    const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => {
      const at = `encoder.layer.${i}`;
      return {
        query: dense(`${at}.attention.self.query`),
        key: dense(`${at}.attention.self.key`),
        value: dense(`${at}.attention.self.value`),
        attended: dense(`${at}.attention.output.dense`),
        attendedNorm: dense(`${at}.attention.output.LayerNorm`),
        inner: dense(`${at}.intermediate.dense`),
        outer: dense(`${at}.output.dense`),
        outerNorm: dense(`${at}.output.LayerNorm`),
      };
    });
    return {
      width: config.hidden_size,
      heads: config.num_attention_heads,
      epsilon: config.layer_norm_eps,
      maxTokens: config.max_position_embeddings,
      ids: new Map(vocabulary.map((piece, id) => [piece, id])),
      information,
      words: tensor("embeddings.word_embeddings.weight"),
      positions: tensor("embeddings.position_embeddings.weight"),
      types: tensor("embeddings.token_type_embeddings.weight"),
      norm: dense("embeddings.LayerNorm"),
      layers,
    };
  }

  // The number of every finite pattern of 16 bits: sign, exponent, fraction.
  const HALVES = Float64Array.from({ length: 2 ** 16 }, (_, bits) => {
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    const size = exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14;
    return bits >> 15 ? -size : size;
  });

  // ---- Words and wordpieces

  // Numbers and words with what is inside them, contracted endings apart, and single marks: simpler
  // than spaCy's rules, and the same for plain sentences.
  const WORD = new RegExp(
    [
      "\\p{N}+(?:[.,:]\\p{N}+)+", // 3.5
      "(?:\\p{L}\\.){2,}", // a.m.
      "[\\p{L}\\p{N}\\p{M}]+n['’]t\\b", // don't is one word: no encoder parts it where spaCy does
      "['’](?:s|m|re|ve|ll|d)\\b", // he's is two
      "[\\p{L}\\p{N}\\p{M}]+",
      "\\.{2,}",
      "\\S",
    ].join("|"),
    "giu",
  );
  const PUNCTUATION = /[!-/:-@[-`{-~\p{P}]/u;
  const IDEOGRAPH = /\p{Unified_Ideograph}/u;

  // BERT's basic tokens as characters with the place of each in the text, uncased, no accents.
  function basicTokens(text) {
    const tokens = [];
    let open = false;
    let place = 0;
    for (const character of text) {
      const alone = PUNCTUATION.test(character) || IDEOGRAPH.test(character);
      if (/\s/u.test(character)) open = false;
      else if (!/\p{C}/u.test(character)) {
        const plain = [...character.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase()];
        if (alone || !open) tokens.push([]);
        tokens.at(-1).push(...plain.map((sign) => ({ sign, place })));
        open = !alone;
      }
      place += character.length;
    }
    return tokens.filter((token) => token.length);
  }

  // The longest piece that the vocabulary has, again and again; what has none is unknown.
  function wordpieces(token, ids) {
    const pieces = [];
    for (let start = 0; start < token.length; ) {
      const lead = start ? "##" : "";
      let end = token.length;
      const piece = () => lead + token.slice(start, end).map(({ sign }) => sign).join("");
      while (end > start && !ids.has(piece())) end -= 1;
      if (end === start || token.length > 100) {
        return [{ id: ids.get("[UNK]"), from: token[0].place, to: token.at(-1).place }];
      }
      pieces.push({ id: ids.get(piece()), from: token[start].place, to: token[end - 1].place });
      start = end;
    }
    return pieces;
  }

  // Words, the ids of the encoder's input, and the word of each: as the library's `tokenise`.
  function tokenise(model, text) {
    const pieces = basicTokens(text).flatMap((token) => wordpieces(token, model.ids));
    const found = [...text.matchAll(WORD)].map(({ 0: word, index }) => ({
      from: index,
      to: index + word.length,
    }));
    const words = [];
    for (const word of found) {
      // a piece that reaches over two words makes them one
      const last = words.at(-1);
      if (last && pieces.some(({ from, to }) => from < last.to && to >= word.from)) last.to = word.to;
      else words.push(word);
    }
    const wordOf = pieces.map(({ from }) => words.findIndex(({ to }) => from < to));
    const unknown = model.ids.get("[UNK]");
    const ids = [model.ids.get("[CLS]"), ...pieces.map(({ id }) => id), model.ids.get("[SEP]")];
    return {
      ids,
      wordOf: [SPECIAL, ...wordOf, SPECIAL],
      words: words.map(({ from, to }, i) => {
        const own = pieces.filter((_, j) => wordOf[j] === i).map(({ id }) => id);
        const word = text.slice(from, to);
        const whole = own.length === 1 && own[0] === model.ids.get(word.toLowerCase());
        return {
          text: word,
          pieces: own.length,
          known: own.length > 0 && !own.includes(unknown),
          information: whole ? model.information[own[0]] : null, // in nats
        };
      }),
    };
  }

  // ---- The layers, each with its derivative

  // Rows times a matrix of shape (outputs, inputs). Values get the bias, derivatives do not. Four
  // rows and four outputs at a time: most of the computing is here.
  function linear(input, { weight, bias }, tokens) {
    const outputs = bias.length;
    const inputs = weight.length / outputs;
    const rows = input.length / inputs;
    const padded = Math.ceil(rows / 4) * 4; // the same for every number of rows
    const x = padded === rows ? input : new Float64Array(padded * inputs);
    if (x !== input) x.set(input);
    const result = new Float64Array(padded * outputs);
    for (let o = 0; o < outputs; o += 2) {
      const u = o * inputs;
      const v = u + inputs;
      for (let r = 0; r < padded; r += 4) {
        const a = r * inputs;
        const b = a + inputs;
        const c = b + inputs;
        const d = c + inputs;
        let au = 0, av = 0, bu = 0, bv = 0, cu = 0, cv = 0, du = 0, dv = 0;
        for (let i = 0; i < inputs; i++) {
          const p = weight[u + i];
          const q = weight[v + i];
          au += x[a + i] * p;
          av += x[a + i] * q;
          bu += x[b + i] * p;
          bv += x[b + i] * q;
          cu += x[c + i] * p;
          cv += x[c + i] * q;
          du += x[d + i] * p;
          dv += x[d + i] * q;
        }
        const at = r * outputs + o;
        result[at] = au;
        result[at + 1] = av;
        result[at + outputs] = bu;
        result[at + outputs + 1] = bv;
        result[at + 2 * outputs] = cu;
        result[at + 2 * outputs + 1] = cv;
        result[at + 3 * outputs] = du;
        result[at + 3 * outputs + 1] = dv;
      }
    }
    for (let t = 0; t < tokens; t++) {
      for (let o = 0; o < outputs; o++) result[t * outputs + o] += bias[o];
    }
    return result.subarray(0, rows * outputs);
  }

  function add(x, y) {
    return x.map((value, i) => value + y[i]);
  }

  function layerNorm(x, { weight, bias }, tokens, epsilon) {
    const d = bias.length;
    const result = new Float64Array(x.length);
    for (let t = 0; t < tokens; t++) {
      const row = x.subarray(t * d, (t + 1) * d);
      const mean = row.reduce((sum, value) => sum + value, 0) / d;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / d;
      const scale = 1 / Math.sqrt(variance + epsilon);
      const unit = row.map((value) => (value - mean) * scale);
      for (let j = 0; j < d; j++) result[t * d + j] = unit[j] * weight[j] + bias[j];
      for (let at = (tokens + t) * d; at < x.length; at += tokens * d) {
        let shift = 0;
        let along = 0;
        for (let j = 0; j < d; j++) {
          shift += x[at + j];
          along += x[at + j] * unit[j];
        }
        for (let j = 0; j < d; j++) {
          result[at + j] = (x[at + j] - shift / d - (unit[j] * along) / d) * scale * weight[j];
        }
      }
    }
    return result;
  }

  // The normal distribution function, to 1e-7 (Abramowitz and Stegun, 7.1.26).
  function normal(x) {
    const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
    const series =
      t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    const tail = (series * Math.exp((-x * x) / 2)) / 2;
    return x > 0 ? 1 - tail : tail;
  }

  // x times the normal distribution function, in place.
  function gelu(x, size) {
    for (let j = 0; j < size; j++) {
      const share = normal(x[j]);
      const slope = share + (x[j] * Math.exp((-x[j] * x[j]) / 2)) / Math.sqrt(2 * Math.PI);
      for (let at = size + j; at < x.length; at += size) x[at] *= slope;
      x[j] *= share;
    }
    return x;
  }

  function attention(query, key, value, tokens, width, heads) {
    const size = width / heads;
    const block = tokens * width; // numbers per direction
    const result = new Float64Array(query.length);
    const score = (from, to) => {
      let sum = 0;
      for (let s = 0; s < size; s++) sum += query[from + s] * key[to + s];
      return sum / Math.sqrt(size);
    };
    const gather = (weight, from, to) => {
      for (let s = 0; s < size; s++) result[to + s] += weight * value[from + s];
    };
    const weights = new Float64Array(tokens);
    const change = new Float64Array(tokens);
    for (let head = 0; head < heads; head++) {
      const column = (j) => j * width + head * size;
      for (let i = 0; i < tokens; i++) {
        const row = column(i);
        for (let j = 0; j < tokens; j++) weights[j] = score(row, column(j));
        const largest = Math.max(...weights);
        let total = 0;
        for (let j = 0; j < tokens; j++) total += weights[j] = Math.exp(weights[j] - largest);
        for (let j = 0; j < tokens; j++) {
          weights[j] /= total;
          gather(weights[j], column(j), row);
        }
        for (let at = block; at < query.length; at += block) {
          let mean = 0;
          for (let j = 0; j < tokens; j++) {
            change[j] = score(at + row, column(j)) + score(row, at + column(j));
            mean += weights[j] * change[j];
          }
          for (let j = 0; j < tokens; j++) {
            gather(weights[j] * (change[j] - mean), column(j), at + row);
            gather(weights[j], at + column(j), at + row);
          }
        }
      }
    }
    return result;
  }

  // From word embeddings to sentence vectors: (1 + directions, tokens, d) to (1 + directions, d).
  function forward(model, embeddings, tokens, pooling) {
    const { width, heads, epsilon } = model;
    let x = Float64Array.from(embeddings);
    for (let at = 0; at < tokens * width; at++) x[at] += model.positions[at] + model.types[at % width];
    x = layerNorm(x, model.norm, tokens, epsilon);
    for (const layer of model.layers) {
      const [query, key, value] = [layer.query, layer.key, layer.value].map((part) =>
        linear(x, part, tokens),
      );
      const mixed = attention(query, key, value, tokens, width, heads);
      const attended = add(linear(mixed, layer.attended, tokens), x);
      x = layerNorm(attended, layer.attendedNorm, tokens, epsilon);
      const inner = linear(x, layer.inner, tokens);
      const outer = linear(gelu(inner, tokens * layer.inner.bias.length), layer.outer, tokens);
      x = layerNorm(add(outer, x), layer.outerNorm, tokens, epsilon);
    }
    const pooled = new Float64Array(x.length / tokens);
    const last = pooling === "cls" ? 1 : tokens; // how many tokens are pooled
    for (let at = 0; at < pooled.length; at++) {
      const first = Math.floor(at / width) * tokens * width + (at % width);
      for (let t = 0; t < last; t++) pooled[at] += x[first + t * width] / last;
    }
    return pooled;
  }

  // ---- Integrated Gradients

  // Nodes and weights on [0, 1]: Newton's method on the Legendre polynomials.
  function gaussLegendre(n) {
    return Array.from({ length: n }, (_, i) => {
      let x = Math.cos((Math.PI * (i + 0.75)) / (n + 0.5));
      let slope = 1;
      for (let step = 0; step < 8; step++) {
        let [before, now] = [1, x];
        for (let k = 2; k <= n; k++) [before, now] = [now, ((2 * k - 1) * x * now - (k - 1) * before) / k];
        slope = (n * (x * now - before)) / (x * x - 1);
        x -= now / slope;
      }
      return { node: (1 - x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
    });
  }

  const length = (vector) => Math.hypot(...vector);

  // What each word contributes to the sentence vector, norm="vector", baseline="pad"; no contribution
  // for a sentence that is too long or has no word.
  function weigh(model, pooling, text, { nodes, progress = () => {} } = {}) {
    const sentence = tokenise(model, text);
    const { ids, wordOf, words } = sentence;
    const d = model.width;
    const tokens = ids.length;
    if (tokens > model.maxTokens || !wordOf.some((word) => word !== SPECIAL)) return sentence;
    const rows = (list) =>
      Float64Array.from({ length: tokens * d }, (_, at) => model.words[list[Math.floor(at / d)] * d + (at % d)]);
    const pad = model.ids.get("[PAD]");
    const W = rows(ids);
    const B = rows(ids.map((id, t) => (wordOf[t] === SPECIAL ? id : pad)));
    const step = W.map((value, at) => value - B[at]);
    const change = forward(model, W, tokens, pooling);
    forward(model, B, tokens, pooling).forEach((value, k) => (change[k] -= value));

    // the derivative in some directions, integrated with n nodes
    const integrate = (n, directions, tell = () => {}) => {
      const points = new Float64Array(step.length + directions.length);
      points.set(directions, step.length);
      const result = new Float64Array(directions.length / tokens);
      gaussLegendre(n).forEach(({ node, weight }, done) => {
        for (let at = 0; at < step.length; at++) points[at] = B[at] + node * step[at];
        const slopes = forward(model, points, tokens, pooling).subarray(d);
        for (let at = 0; at < result.length; at++) result[at] += weight * slopes[at];
        tell((done + 1) / n);
      });
      return result;
    };

    // completeness takes a single direction, that of all words together
    let n, residual;
    for (n of nodes ? [nodes] : LADDER) {
      const gap = integrate(n, step).map((value, k) => value - change[k]);
      residual = length(gap) / length(change);
      if (residual <= TOLERANCE) break;
    }
    const each = new Float64Array(words.length * step.length);
    step.forEach((value, at) => {
      const word = wordOf[Math.floor(at / d)];
      if (word !== SPECIAL) each[word * step.length + at] = value;
    });
    const shares = integrate(n, each, progress);
    const contribution = words.map((_, i) => length(shares.subarray(i * d, (i + 1) * d)));
    return { ...sentence, contribution, residual, nodes: n, converged: residual <= TOLERANCE };
  }

  return { readCheckpoint, tokenise, weigh };
}
