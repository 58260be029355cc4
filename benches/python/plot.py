# SPDX-License-Identifier: Apache-2.0
"""Draws what results.json says, as PNG beside it: plot.py target/bench/results.json"""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

CONTENDERS = {
    "ours": ("lkvideo", "#1b7f5c"),
    "official": ("official Python SDK", "#d9822b"),
    "portal": ("livekit-portal, raw", "#6a5acd"),
    "portal_mjpeg": ("livekit-portal, MJPEG", "#b8a9e8"),
}


class Plots:
    def __init__(self, path: Path):
        self.folder = path.parent
        self.results = json.loads(path.read_text())
        about = self.results.pop("about")
        self.machine = f"{about['cores']} cores of {about['processor']}, livekit-server {about['livekit_server']} on the same"
        self.streams = {
            name: case for name, case in self.results.items() if "ratio" in case and "frames_per_s" in case.get("ours", {})
        }

    def save(self, figure, name: str, title: str) -> None:
        figure.suptitle(title)
        figure.text(0.99, 0.005, self.machine, ha="right", fontsize=7, color="gray")
        figure.tight_layout(rect=(0, 0.02, 1, 1))
        figure.savefig(self.folder / f"{name}.png", dpi=130)
        pyplot.close(figure)
        print(self.folder / f"{name}.png")

    def bars(self, axes, names: list[str], figure: str, label: str, log: bool) -> None:
        """A group of bars a case, one a contender that has the figure."""
        width = 0.8 / len(CONTENDERS)
        for index, (key, (title, colour)) in enumerate(CONTENDERS.items()):
            points = [(at, self.streams[name][key][figure]) for at, name in enumerate(names) if figure in self.streams[name].get(key, {})]
            if points:
                bars = axes.bar([at + (index - 1.5) * width for at, _ in points], [value for _, value in points], width, label=title, color=colour)
                axes.bar_label(bars, fmt=lambda value: f"{value:.3g}", fontsize=6, rotation=90, padding=2)
        axes.set_xticks(range(len(names)), [name.rsplit("-", 1)[0] for name in names], rotation=20, ha="right", fontsize=8)
        axes.set_ylabel(label)
        if log:
            axes.set_yscale("log")
        axes.margins(y=0.25)
        axes.grid(axis="y", alpha=0.3)

    def rates_and_latency(self) -> None:
        unpaced = [name for name in self.streams if name.endswith("-max")]
        paced = [name for name in self.streams if name.endswith("-30")]
        if unpaced:
            figure, axes = pyplot.subplots(figsize=(11, 5))
            self.bars(axes, unpaced, "frames_per_s", "frames/s", log=True)
            axes.legend(fontsize=8)
            self.save(figure, "frames-per-second", "Frames/s, as fast as they go (median of the rounds)")
        for names, file, pace in [(unpaced, "latency-max", "as fast as they go"), (paced, "latency-30", "at 30 frames/s")]:
            if names:
                figure, rows = pyplot.subplots(2, 1, figsize=(11, 8))
                for axes, percent in zip(rows, ["p50", "p99"]):
                    self.bars(axes, names, f"latency_{percent}_ms", f"{percent}, ms", log=True)
                rows[0].legend(fontsize=8)
                self.save(figure, file, f"From the stamp before sending to the callback, {pace}")

    def costs(self) -> None:
        names = [name for name in self.streams if name.endswith("-30")]
        if not names:
            return
        parts = [("sender", "#1b7f5c"), ("receiver", "#7fc8a9"), ("server", "#999999")]
        figure, rows = pyplot.subplots(2, 1, figsize=(11, 8))
        for axes, kind, label in [(rows[0], "cpu_{}", "CPU s/s"), (rows[1], "rss_{}_mib", "peak RSS, MiB")]:
            places = [(name, who) for name in names for who in CONTENDERS if who in self.streams[name]]
            bottom = [0.0] * len(places)
            for part, colour in parts:
                values = [self.streams[name][who].get(kind.format(part), 0.0) for name, who in places]
                axes.bar(range(len(places)), values, bottom=bottom, label=part, color=colour)
                bottom = [below + value for below, value in zip(bottom, values)]
            axes.set_xticks(range(len(places)), [f"{name.rsplit('-', 1)[0]}\n{who}" for name, who in places], rotation=70, fontsize=6)
            axes.set_ylabel(label)
            axes.legend(fontsize=8)
        self.save(figure, "cost-30", "What 30 frames/s cost (peers that do not reach 30 are charged for what they reach)")

    def endurance(self) -> None:
        ours = self.results.get("endurance", {}).get("ours")
        if not ours:
            return
        figure, (memory, latency, gaps) = pyplot.subplots(3, 1, figsize=(9, 10))
        samples = ours["memory_mib"]
        for part in ["sender", "receiver", "server"]:
            memory.plot([sample["seconds"] for sample in samples], [sample.get(part, 0) for sample in samples], marker=".", label=part)
        memory.set_ylim(bottom=0)
        memory.set(xlabel="s", ylabel="RSS, MiB")
        memory.legend()
        latency.plot(sorted(ours["latencies_ms"]), [100 * at / len(ours["latencies_ms"]) for at in range(len(ours["latencies_ms"]))])
        latency.set(xlabel="latency, ms", ylabel="% of frames below")
        gaps.hist(ours["gaps_ms"], bins=60, log=True)
        gaps.set(xlabel="from frame to frame, ms", ylabel="frames")
        self.save(figure, "endurance", f"640x480 RGBA, 30 frames/s for {ours['seconds']:.0f} s: {ours['frames_lost']:.0f} lost, {ours['frames_late']:.0f} late")

    def stalls(self) -> None:
        case = {name: result for name, result in self.results.get("stalls", {}).items() if "gaps_longest_ms" in result}
        if not case:
            return
        figure, axes = pyplot.subplots(figsize=(9, 4))
        for name, result in case.items():
            axes.plot(sorted(result["gaps_longest_ms"]), marker=".", label=f"{name}: {result['runs_stalled']} of {result['runs']} stalled")
        axes.axhline(1000, color="red", linewidth=0.8)
        axes.set_yscale("log")
        axes.set(xlabel="run, by its longest gap", ylabel="longest gap, ms")
        axes.legend()
        self.save(figure, "stalls", "The longest gap of each run")

    def interrupts(self) -> None:
        ours = self.results.get("interrupts", {}).get("ours")
        if not ours:
            return
        figure, rows = pyplot.subplots(2, 1, figsize=(9, 7), sharex=True)
        limit = ours["lines"][0]["limit_ms"]
        most = max(limit, *(ms for connection in ["saturated_ms", "idle_ms"] for times in ours[connection].values() for ms in times))
        bins = [most * at / 60 for at in range(61)]
        for axes, connection in zip(rows, ["saturated", "idle"]):
            for (action, times), colour in zip(sorted(ours[f"{connection}_ms"].items()), ["#999999", "#1b7f5c", "#d9822b"]):
                axes.hist(times, bins=bins, histtype="step", label=f"{action} ({len(times)})", color=colour)
            axes.axvline(limit, color="red", linewidth=0.8, label="a frame and a round trip")
            axes.set(ylabel=connection)
            axes.legend(fontsize=8)
        rows[1].set_xlabel("ms")
        self.save(figure, "interrupts", f"Beside 640x480 RGBA, {ours['lines'][0]['frames_per_s']:.0f} frames/s, and on an idle connection")

    def transport(self) -> None:
        rates = {
            name: result["lines"][0]["mbit_s"]
            for name, result in self.results.get("transport", {}).items()
            if result.get("lines") and "mbit_s" in result["lines"][0]
        }
        if rates:
            figure, axes = pyplot.subplots(figsize=(7, 4))
            axes.bar_label(axes.bar(list(rates), list(rates.values())), fmt="%.0f")
            axes.set_ylabel("Mbit/s")
            self.save(figure, "transport", "Two peers of one process, one data channel, no pacing")


def main() -> None:
    plots = Plots(Path(sys.argv[1]))
    plots.rates_and_latency()
    plots.costs()
    plots.endurance()
    plots.stalls()
    plots.interrupts()
    plots.transport()


main()
