// What is folded: solutions say what their buttons open, and outputs are printed unfolded, which
// style sheets cannot do.
addEventListener("load", () => {
  for (const button of document.querySelectorAll(".solution .toggle-button")) {
    const title = button.closest(".admonition-title"); // the button itself has no text
    button.setAttribute("aria-label", `Show or hide: ${title.textContent.trim()}`);
  }
});

addEventListener("beforeprint", () => {
  for (const output of document.querySelectorAll("details.hide.below-input")) output.open = true;
});
