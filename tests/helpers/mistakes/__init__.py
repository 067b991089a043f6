"""The mistakes on the way to a submission, by area; `docs/mistakes.md` is the page that is made from them."""
