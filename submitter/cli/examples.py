"""The examples at the end of each command's help, by command. Tests parse all of them, and run those that are cheap."""

from __future__ import annotations

EXAMPLES = {
    "": ["submitter check PATH", "submitter rules PRF004", "submitter init"],
    "init": [
        "submitter init",
        "submitter init 8xMI300X --system-id 8xMI300X --submitter Acme",
        "submitter init --benchmark llama3.1-8b --scenario Offline --scenario Server",
    ],
    "run-all": [
        "submitter run-all campaign.toml",
        "submitter run-all campaign.toml --dry-run",
        "submitter run-all campaign.toml --keep packages",
    ],
    "node": ["submitter node campaign.toml", "submitter node campaign.toml --ranks 4 --idle 2h"],
    "slurm": [
        "submitter slurm campaign.toml",
        "submitter slurm campaign.toml --submit",
        "submitter slurm campaign.toml --interactive",
    ],
    "templates": ["submitter templates campaign.toml"],
    "plan": ["submitter plan campaign.toml"],
    "tune": [
        "submitter tune campaign.toml --scenario Server --budget 20m",
        "submitter tune campaign.toml --scenario Server --write",
    ],
    "run": [
        "submitter run campaign.toml --scenario Offline",
        "submitter run campaign.toml --scenario Server --mode accuracy",
    ],
    "score": [
        "submitter score campaign.toml",
        "submitter score submission --round v6.1",
        "submitter score submission --dataset orca.safetensors --tokenizer llama2-70b",
    ],
    "assemble": ["submitter assemble campaign.toml", "submitter assemble campaign.toml --round v6.0"],
    "check": [
        "submitter check submission",
        "submitter check submission --format text --format sarif=report.sarif",
        'submitter check submission --waive MEA004="rerun at a lower rate"',
    ],
    "package": [
        "submitter package submission",
        "submitter package campaign.toml --only-valid",
        "submitter package submission --encrypt mlcommons.pub",
    ],
    "unpack": [
        "submitter unpack acme.tar.gz",
        "submitter unpack acme.tar.gz.age --identity key.txt --output acme",
    ],
    "explain": [
        "submitter explain submission/open/Example/results/cpu-demo/tiny-llama/Server",
        "submitter explain build/demo/runs/cpu-demo/tiny-llama/Server/performance",
    ],
    "runs": ["submitter runs", "submitter runs build/demo --format json"],
    "clean": ["submitter clean campaign.toml", "submitter clean campaign.toml --yes"],
    "rules": [
        "submitter rules PRF004",
        "submitter rules --diff v6.0 v6.1",
        "submitter rules --import inference --round v7.0 --output v7.0.toml",
    ],
    "describe-system": [
        "submitter describe-system",
        "submitter describe-system systems/cpu-demo.json --output system.json",
    ],
    "quantize": [
        "submitter quantize Llama-2-70b-chat-hf Llama-2-70b-fp8",
        "submitter quantize Llama-2-70b-fp8",
    ],
    "doctor": [
        "submitter doctor",
        "submitter doctor run-all",
        "submitter doctor --nodes node1,node2 --campaign campaign.toml",
    ],
    "dataset": ["submitter dataset verify open_orca.pkl"],
    "dataset verify": ["submitter dataset verify open_orca.pkl"],
    "dataset convert": ["submitter dataset convert open_orca.pkl open_orca.safetensors"],
    "dataset stats": ["submitter dataset stats open_orca.safetensors"],
}


def examples(command: str) -> str:
    r"""The epilog of a command's help, such as of `dataset verify`; after `\b` the lines stay as they are."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in EXAMPLES[command])])
