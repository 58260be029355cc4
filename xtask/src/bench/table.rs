// SPDX-License-Identifier: Apache-2.0
//! The results as Markdown, as README and docs show them.

use serde_json::{Map, Value};

use super::results::ABOUT;

/// Columns of one row: heading, and the figures in it with their decimals.
type Column = (&'static str, &'static [(&'static str, usize)]);

const STREAM_COLUMNS: [Column; 12] = [
    ("frames/s", &[("frames_per_s", 1)]),
    ("Mbit/s", &[("mbit_per_s", 0)]),
    ("p50 ms", &[("latency_p50_ms", 1)]),
    ("p99 ms", &[("latency_p99_ms", 1)]),
    ("max ms", &[("latency_max_ms", 0)]),
    ("longest gap ms", &[("gap_max_ms", 0)]),
    ("lost", &[("frames_lost", 0), ("frames_broken", 0)]),
    ("late", &[("frames_late", 0)]),
    ("CPU s/s", &[("cpu_process", 2), ("cpu_sender", 2), ("cpu_receiver", 2), ("cpu_server", 2)]),
    ("peak RSS MiB", &[("rss_process_mib", 0), ("rss_sender_mib", 0), ("rss_receiver_mib", 0), ("rss_server_mib", 0)]),
    ("connect ms", &[("connect_process_ms", 0), ("connect_sender_ms", 0), ("connect_receiver_ms", 0)]),
    ("first frame ms", &[("first_frame_ms", 0)]),
];

const STALL_COLUMNS: [Column; 6] = [
    ("runs", &[("runs", 0)]),
    ("stalled", &[("runs_stalled", 0)]),
    ("with lost frames", &[("runs_with_lost_frames", 0)]),
    ("longest gap ms", &[("gap_longest_ms", 0)]),
    ("median of longest gaps ms", &[("gap_longest_median_ms", 0)]),
    ("frames/s", &[("frames_per_s", 1)]),
];

/// All of the cases whose names are given.
pub fn markdown(results: &Map<String, Value>, names: &[String]) -> String {
    let mut text = String::new();
    if let Some(about) = results.get(ABOUT) {
        let say = |name: &str| about[name].as_str().unwrap_or("?").to_owned();
        text += &format!(
            "{} cores of {}, {}; lkvideo {}, livekit-server {}, {}, {}\n",
            about["cores"],
            say("processor"),
            say("system"),
            say("lkvideo"),
            say("livekit_server"),
            say("official"),
            say("portal")
        );
    }
    let shape = |name: &&String| {
        let case = &results[*name];
        if case["ours"].get("frames_sent").is_some() {
            0
        } else if case["ours"].get("runs_stalled").is_some() {
            1
        } else {
            2
        }
    };
    let of = |wanted: usize| {
        names.iter().filter(|name| results.contains_key(*name) && shape(name) == wanted).collect::<Vec<_>>()
    };
    text += &rows(results, &of(0), &STREAM_COLUMNS);
    text += &ratios(results, &of(0));
    text += &rows(results, &of(1), &STALL_COLUMNS);
    for name in of(2) {
        text += &lines(name, &results[name]);
    }
    text
}

/// Those of a case who were measured, ours first.
fn contenders(case: &Value) -> Vec<(&String, &Value)> {
    let all = case.as_object().into_iter().flatten();
    let mut all: Vec<_> = all.filter(|(name, _)| !["ratio", "run"].contains(&name.as_str())).collect();
    all.sort_by_key(|(name, _)| *name != "ours");
    all
}

fn rows(results: &Map<String, Value>, names: &[&String], columns: &[Column]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let mut text = format!("\n| case | who | {} |\n|---|---|{}\n", headings.join(" | "), "---|".repeat(columns.len()));
    for name in names {
        for (who, figures) in contenders(&results[*name]) {
            let cells: Vec<String> = columns.iter().map(|(_, parts)| cell(figures, parts)).collect();
            text += &format!("| {name} | {who} | {} |\n", cells.join(" | "));
        }
    }
    text
}

fn cell(figures: &Value, parts: &[(&str, usize)]) -> String {
    let shown =
        parts.iter().filter_map(|(name, decimals)| Some(format!("{:.decimals$}", figures.get(name)?.as_f64()?)));
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        "-".to_owned()
    } else {
        shown.join(" / ")
    }
}

fn ratios(results: &Map<String, Value>, names: &[&String]) -> String {
    let columns: [Column; 8] = [
        ("frames/s to official", &[("frames_per_s_official", 1)]),
        ("portal", &[("frames_per_s_portal", 1)]),
        ("portal MJPEG", &[("frames_per_s_portal_mjpeg", 1)]),
        ("p50 to official", &[("latency_p50_official", 1)]),
        ("portal", &[("latency_p50_portal", 1)]),
        ("portal MJPEG", &[("latency_p50_portal_mjpeg", 1)]),
        ("p99 to official", &[("latency_p99_official", 1)]),
        ("portal", &[("latency_p99_portal", 1)]),
    ];
    let mut text = String::new();
    for name in names {
        let ratio = &results[*name]["ratio"];
        if ratio.as_object().is_some_and(|ratio| !ratio.is_empty()) {
            let cells: Vec<String> = columns.iter().map(|(_, parts)| cell(ratio, parts)).collect();
            text += &format!("| {name} | {} |\n", cells.join(" | "));
        }
    }
    if text.is_empty() {
        return text;
    }
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    format!("\n| times better: case | {} |\n|---|{}\n{text}", headings.join(" | "), "---|".repeat(columns.len()))
}

/// What a program printed: its own names are the columns.
fn lines(name: &str, case: &Value) -> String {
    let mut text = String::new();
    for (who, result) in contenders(case) {
        let mut before: Vec<&String> = Vec::new();
        for line in result["lines"].as_array().into_iter().flatten().filter_map(Value::as_object) {
            let columns: Vec<&String> = line.keys().collect();
            if columns != before {
                let headings: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
                text += &format!("\n| {name} | {} |\n|---|{}\n", headings.join(" | "), "---|".repeat(columns.len()));
            }
            let cells: Vec<String> = line.values().map(plain).collect();
            text += &format!("| {who} | {} |\n", cells.join(" | "));
            before = columns;
        }
    }
    if let Some(ratio) = case["ratio"].as_object() {
        let all: Vec<String> = ratio.iter().map(|(name, times)| format!("{name} {}", plain(times))).collect();
        text += &format!("\n{name}, ours over the other's: {}\n", all.join(", "));
    }
    text
}

fn plain(value: &Value) -> String {
    match (value.as_str(), value.as_f64()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(number)) if number.fract() == 0.0 => format!("{number:.0}"),
        (None, Some(number)) if number.abs() < 10.0 => format!("{number:.3}"),
        (None, Some(number)) => format!("{number:.1}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_for_each_who_was_measured_and_one_for_the_ratio() {
        let results = json!({
            "a": {
                "ours": { "frames_sent": 5.0, "frames_per_s": 30.04, "cpu_sender": 0.25, "cpu_receiver": 0.125 },
                "official": { "frames_per_s": 2.0 },
                "ratio": { "frames_per_s_official": 15.02 },
                "run": { "rounds": 3 },
            },
            "b": { "ours": { "lines": [{ "bytes": 4096, "us": 1.5 }] } },
        });
        let text = markdown(results.as_object().unwrap(), &["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        assert!(text.contains("| a | ours | 30.0 | - |") && text.contains("| 0.25 / 0.12 |"), "{text}");
        assert!(text.contains("| a | official | 2.0 |") && text.contains("| a | 15.0 | - |"), "{text}");
        assert!(text.contains("| b | bytes | us |") && text.contains("| ours | 4096 | 1.500 |"), "{text}");
        assert!(!text.contains("run"), "{text}");
    }
}
