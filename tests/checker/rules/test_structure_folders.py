"""STR: what must not lie in a submitter's folders, and the documents that a division demands."""

from __future__ import annotations

from pathlib import Path

from damage import write
from rule_cases import cases
from structure_tree import StructureTree
from submission_tree import BENCHMARK, SYSTEM, Tree, write_tree

from submitter.checker.finding import Severity

RESULTS = f"results/{SYSTEM}/{BENCHMARK}"
CASES = cases(
    write_tree,
    [
        ("STR011", lambda tree: (tree.submitter / "documentation" / "calibration.adoc").unlink()),
        ("STR012", lambda tree: (tree.result() / "link").symlink_to("/etc/passwd")),
        ("STR013", write("src", ".env", text="TOKEN=secret\n")),
        ("STR013", write("results", "slurm-1473.out")),
        ("STR014", write("results", "audit.config", text="*.*.mode = 2\n")),
        ("STR015", write("src", "a name.txt")),
        ("STR016", write("systems", "other.json", text="{}")),
        ("STR017", lambda tree: (tree.submitter / "results" / "unused").mkdir()),
        ("STR018", lambda tree: (tree.root / "colsed").mkdir()),
    ],
)


def test_a_link_from_the_root_on_that_leads_somewhere_passes_where_it_does_from_its_place_too(tmp_path: Path) -> None:
    tree = StructureTree(tmp_path, "v5.1")
    (tree.submitter / "link").symlink_to(tree.submitter / "documentation" / "calibration.md")
    assert tree.rules() == set()
    (tree.submitter / "out").symlink_to("/nowhere/at/all")
    assert "STR012" in tree.rules("full")


def test_several_of_a_kind_are_one_finding_of_the_submitter(tmp_path: Path) -> None:
    tree = StructureTree(tmp_path, "v5.1")
    for number in range(5):
        tree.write(tree.run / f"a b {number}")
    (finding,) = (finding for finding in tree.check().findings if finding.rule == "STR025")
    assert finding.path == "closed/Acme"
    assert finding.message.startswith("5 names")
    assert finding.found.endswith(", ...")


def test_without_a_document_about_calibration_a_submission_fails_and_its_results_stand(tree: Tree) -> None:
    document = tree.submitter / "documentation" / "calibration.adoc"
    document.rename(tree.submitter / document.name)
    assert [finding.severity for finding in tree.found("STR011")] == [Severity.WARNING]
    (tree.submitter / document.name).unlink()
    report = tree.check()
    assert report.exit_code == 1
    assert {result.verdict for result in report.results} == {"valid"}


def test_a_secret_fails_the_submission_and_its_results_stand(tree: Tree) -> None:
    for name in (".env.example", "notes.bak"):
        write("src", name)(tree)
    assert {finding.severity for finding in tree.found("STR013")} == {Severity.WARNING}
    for name in (".env", "server.key", "id_ed25519"):
        write("src", name)(tree)
        found = [finding for finding in tree.found("STR013") if finding.severity is Severity.ERROR]
        assert [finding.found for finding in found] == [name]
        assert {result.verdict for result in tree.check().results} == {"valid"}
        (tree.submitter / "src" / name).unlink()


def test_an_audit_file_is_reported_where_loadgen_would_find_it(tree: Tree) -> None:
    for place in (("src",), (RESULTS, "Server", "TEST06")):
        write(*place, "audit.config")(tree)
    assert tree.found("STR014") == []
    write("audit.config")(tree)
    assert len(tree.found("STR014")) == 1


def test_a_submitters_own_name_may_have_a_space(tmp_path: Path) -> None:
    tree = write_tree(tmp_path)
    tree.submitter.rename(tree.submitter.with_name("Ada Lovelace"))
    assert tree.found("STR015") == []


def test_described_systems_without_results_are_one_finding(tree: Tree) -> None:
    for name in ("b", "c"):
        (tree.submitter / "systems" / f"{name}.json").write_text("{}")
    (finding,) = tree.found("STR016")
    assert (finding.message, finding.found) == ("2 described systems have no results", "b.json, c.json")


def test_all_files_outside_the_divisions_are_named_in_one_finding(tmp_path: Path) -> None:
    tree = StructureTree(tmp_path, "v5.1")
    for number in range(5):
        (tmp_path / f"summary{number}.csv").write_text("x")
    (finding,) = [finding for finding in tree.check().findings if finding.rule == "STR020"]
    assert finding.path == "summary0.csv"
    assert finding.found == ", ".join(f"summary{number}.csv" for number in range(5))
    assert "--ignore STR020" in finding.hint
