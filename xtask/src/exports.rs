// SPDX-License-Identifier: Apache-2.0
//! The functions of the C API, told three ways that must agree: the header's declarations, the committed list in
//! `tests/exports.txt`, and what the release library exports.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, Context, Result};

use crate::command;

pub type Names = BTreeSet<String>;

/// The committed form: one name a line, sorted.
pub fn to_list(names: &Names) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}

pub fn from_list(text: &str) -> Names {
    text.lines().map(str::to_owned).collect()
}

/// The functions that a header declares but does not define.
pub fn declared(header: &str) -> Names {
    let mut names = Names::new();
    let mut statement = String::new();
    // The braces of `extern "C"` stand between preprocessor lines, which are gone here, as one opening brace too many.
    let mut depth = 0_usize;
    for byte in without_comments_and_directives(header).replace("extern \"C\" {", "").chars() {
        match byte {
            '{' => depth += 1,
            '}' if depth > 0 => {
                depth -= 1;
                // The end of an inline function's body ends the statement; that of a struct does not.
                if depth == 0 && statement.contains('(') {
                    statement.clear();
                }
            }
            '}' => statement.clear(),
            ';' if depth == 0 => {
                names.extend(function_declared_by(&statement));
                statement.clear();
            }
            other if depth == 0 => statement.push(other),
            _ => {}
        }
    }
    names
}

/// The symbols that a shared library exports.
pub fn exported(library: &Path) -> Result<Names> {
    let table = command::output(Command::new("nm").args(["-D", "--defined-only"]).arg(library))?;
    let names = table.lines().filter_map(|line| line.split_whitespace().nth(2));
    // A versioned symbol reads NAME@@VERSION.
    Ok(names.map(|name| name.split('@').next().unwrap_or(name).to_owned()).collect())
}

/// Fails if the two are not equal, naming what differs.
pub fn compare(left: (&str, &Names), right: (&str, &Names)) -> Result<()> {
    let only = |a: &Names, b: &Names| a.difference(b).cloned().collect::<Vec<_>>().join(" ");
    for ((name, a), (other, b)) in [(left, right), (right, left)] {
        let missing = only(a, b);
        if !missing.is_empty() {
            bail!("in {name} but not in {other}: {missing}");
        }
    }
    if left.1.is_empty() {
        bail!("{} has no functions", left.0);
    }
    Ok(())
}

fn function_declared_by(statement: &str) -> Option<String> {
    let statement = statement.trim();
    if statement.starts_with("typedef") || statement.starts_with("static") {
        return None;
    }
    let before = statement.split_once('(')?.0;
    let name = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).find(|word| !word.is_empty())?;
    name.starts_with("lkv_").then(|| name.to_owned())
}

fn without_comments_and_directives(header: &str) -> String {
    let mut code = String::new();
    let mut rest = header;
    while let Some(start) = rest.find("/*") {
        code.push_str(&rest[..start]);
        rest = rest[start..].split_once("*/").map_or("", |(_, after)| after);
    }
    code.push_str(rest);
    let mut lines = Vec::new();
    let mut in_directive = false;
    for line in code.lines() {
        let line = line.split("//").next().unwrap_or(line);
        in_directive = in_directive || line.trim_start().starts_with('#');
        if !in_directive {
            lines.push(line);
        }
        in_directive = in_directive && line.ends_with('\\');
    }
    lines.join("\n")
}

/// Reads the committed list.
pub fn committed(root: &Path) -> Result<Names> {
    let path = root.join("tests/exports.txt");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}; `cargo xtask header` writes it", path.display()))?;
    Ok(from_list(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_functions_of_a_header_and_nothing_else() {
        let header = "\
#ifdef __cplusplus
extern \"C\" {
#endif
#define LKV_CALL(x) \\
    lkv_not_me(x);
typedef struct lkv_room lkv_room; /* lkv_nor_me(); */
typedef void (*lkv_callback)(void *user_data);
typedef struct lkv_event { uint32_t struct_size; void (*on_event)(int); } lkv_event;
// lkv_result lkv_old(void);
lkv_result lkv_room_close(lkv_room *room);
const char *lkv_version_string(void);
static inline lkv_event lkv_event_default(void) { lkv_event event; return event; }
void lkv_room_destroy(lkv_room *room,
                      void (*done)(void *));
#ifdef __cplusplus
}  // extern \"C\"
#endif
";
        let expected = ["lkv_room_close", "lkv_room_destroy", "lkv_version_string"].map(str::to_owned);
        assert_eq!(declared(header), Names::from(expected));
    }

    #[test]
    fn a_difference_is_named() {
        let (a, b) = (from_list("lkv_a\nlkv_b\n"), from_list("lkv_b\n"));
        let error = compare(("the header", &a), ("the list", &b)).expect_err("they differ");
        assert_eq!(error.to_string(), "in the header but not in the list: lkv_a");
    }
}
