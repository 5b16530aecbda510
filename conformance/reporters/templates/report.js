"use strict";
(() => {
  const open = (node) => {
    for (let one = node; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  };
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.hidden) reset();
    open(target);
    if (target.firstElementChild?.tagName === "DETAILS") target.firstElementChild.open = true;
    target.scrollIntoView();
  };

  const rows = [...document.querySelectorAll("#requirement-rows > tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const filters = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const apply = () => {
    const wanted = ["status", "level", "profile"].map((name) => [name, filters.elements[name].value]);
    const words = filters.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, index) => {
      const fits = wanted.every(([name, value]) => !value || row.dataset[name] === value)
        && words.every((word) => texts[index].includes(word));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    shown.textContent = `${count} of ${rows.length}`;
  };
  const reset = () => { filters.reset(); apply(); };
  if (filters) {
    filters.hidden = false;
    filters.addEventListener("input", apply);
    filters.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }

  for (const button of document.querySelectorAll(".command button")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = button.parentElement.querySelector("pre").textContent;
      try {
        await navigator.clipboard.writeText(text);
      } catch {
        const range = document.createRange();
        range.selectNodeContents(button.parentElement.querySelector("pre"));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        document.execCommand("copy");
      }
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details.area:not([open]), details.more:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of closed) one.open = false; });
  addEventListener("hashchange", follow);
  follow();
})();
