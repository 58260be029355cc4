// SPDX-License-Identifier: Apache-2.0
//! Source files as layering.rs reads them: text, code without comments and literals, and the paths in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

pub struct Source {
    /// From the root of the repository.
    pub name: String,
    pub text: String,
    tokens: Vec<String>,
}

/// All files with one of the extensions, at any depth.
pub fn in_folder(folder: &str, extensions: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("a readable folder").path();
            let hidden_or_built = path.file_name().is_some_and(|name| name == "target" || name == "__pycache__");
            if path.is_dir() && !hidden_or_built {
                folders.push(path);
            } else if path.extension().is_some_and(|found| extensions.iter().any(|wanted| found == *wanted)) {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
                found.push(Source::new(&name, &fs::read_to_string(&path).expect("UTF-8 source")));
            }
        }
    }
    found
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        let tokens = if name.ends_with(".rs") { tokens(text) } else { Vec::new() };
        Self { name: name.to_owned(), text: text.to_owned(), tokens }
    }

    /// Whether the code has this word, outside comments and literals.
    pub fn has_word(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token == word)
    }

    /// Every path of the code, groups taken apart: `use a::{b, c::d};` gives `a::b` and `a::c::d`.
    pub fn paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        let mut rest = &self.tokens[..];
        while let Some((token, after)) = rest.split_first() {
            rest = if is_word(token) { path(rest, "", &mut paths) } else { after };
        }
        paths
    }
}

/// Reads one path (or tree of paths) at the start of the tokens; returns what follows it.
fn path<'a>(mut rest: &'a [String], prefix: &str, paths: &mut BTreeSet<String>) -> &'a [String] {
    let mut so_far = prefix.to_owned();
    while let Some((word, after)) = rest.split_first().filter(|(token, _)| is_word(token)) {
        so_far = if so_far.is_empty() { word.clone() } else { format!("{so_far}::{word}") };
        rest = after;
        match (rest.first().map(String::as_str), rest.get(1).map(String::as_str)) {
            (Some("::"), Some("{")) => return group(&rest[2..], &so_far, paths),
            (Some("::"), _) => rest = &rest[1..],
            _ => break,
        }
    }
    paths.insert(so_far);
    rest
}

/// Reads the elements of `prefix::{...}` up to the closing brace.
fn group<'a>(mut rest: &'a [String], prefix: &str, paths: &mut BTreeSet<String>) -> &'a [String] {
    while let Some((token, after)) = rest.split_first() {
        match token.as_str() {
            "}" => return after,
            _ if is_word(token) => rest = path(rest, prefix, paths),
            _ => rest = after,
        }
    }
    rest
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single other characters. Comments and the content of literals are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = literal(rest) {
            length
        } else {
            let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { word.max(first.len_utf8()) };
            if !first.is_whitespace() {
                tokens.push(rest[..length].to_owned());
            }
            length
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character literal that the text begins with.
fn literal(text: &str) -> Option<usize> {
    let unprefixed = text.trim_start_matches(['b', 'c']);
    let hashes = unprefixed.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
    let opening = text.len() - unprefixed.len() + hashes.map_or(0, |hashes| hashes + 1);
    if let (Some(hashes), true) = (hashes, text[opening..].starts_with('"')) {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(text[opening + 1..].find(&end).map_or(text.len(), |at| opening + 1 + at + end.len()));
    }
    let quote = text[opening..].chars().next().filter(|quote| hashes.is_none() && (*quote == '"' || *quote == '\''))?;
    let body = &text[opening + 1..];
    // A lifetime is no literal: 'a has no closing quote after one character.
    if quote == '\'' && !body.starts_with('\\') && body.chars().nth(1) != Some('\'') {
        return None;
    }
    let mut escaped = false;
    let end = body.find(|c| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    Some(end.map_or(text.len(), |end| opening + 1 + end + 1))
}
