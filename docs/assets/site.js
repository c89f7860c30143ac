// A table that is wider than the page is scrolled with the arrow keys too.
document$.subscribe(() => {
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    box.tabIndex = 0
  }
})
