// Formulas come in as lines of JSON; each goes out as a line with its HTML and the styles so far.
const loader = { load: ["input/tex", "output/chtml", "a11y/assistive-mml"] };
const tex = {
  packages: { "[-]": ["noerrors", "noundefined"] }, // what cannot be read is an error of the build
  formatError: (_, error) => {
    throw error;
  },
};
const chtml = { fontURL: "fonts" }; // beside the style sheet

async function main() {
  const MathJax = await require(`${process.argv[2]}/node-main.js`).init({ loader, tex, chtml });
  const { adaptor } = MathJax.startup;
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    const { formula, display } = JSON.parse(line);
    try {
      const html = adaptor.outerHTML(MathJax.tex2chtml(formula, { display }));
      const styles = adaptor.textContent(MathJax.chtmlStylesheet());
      console.log(JSON.stringify({ html, styles }));
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }
  }
}

main();
