//! The one direction of imports: a folder of `src/` imports only from those below it, and no files import each other in a
//! circle. Reads the source as text; tests inside the source may import what they like. Methods are not followed: a file
//! that calls a method of a type does not import the file in which that method is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders and files of `src/`, ground first. Those of one row don't import from each other.
const FLOORS: [&[&str]; 14] = [
    &["model"],
    &["texts"],
    &["wire"],
    &["config"],
    &["telemetry"],
    &["journal"],
    &["link"],
    &["rooms", "contacts"],
    &["commands"],
    &["relay"],
    &["setup", "status"],
    &["check"],
    &["daemon"],
    &["cli"],
];

/// Folders whose `mod.rs` may define what the files beside it need: its imports from them are not looked at.
const MOD_RS_IS_NOT_LOOKED_AT: [&str; 4] = ["model", "link", "rooms", "contacts"];

type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn folders_import_only_from_below() {
    for (file, imported) in &imports() {
        let Some((above, importer)) = floor(file) else { continue };
        for other in imported {
            let (below, name) =
                floor(other).unwrap_or_else(|| panic!("{file} imports {other}, which is on no floor"));
            assert!(below < above || name == importer, "{file} imports {other}, which is above or beside it");
        }
    }
}

/// The number of the floor, and its folder.
fn floor(file: &str) -> Option<(usize, &str)> {
    let top = file.split(['/', '.']).next()?;
    Some((FLOORS.iter().position(|floor| floor.contains(&top))?, top))
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = imports();
    let circles: Vec<_> = imports.keys().filter_map(|file| circle(file, &imports)).collect();
    assert!(circles.is_empty(), "circles:\n{}", circles.join("\n"));
}

/// The shortest way from a file back to itself, if it is the first of those on it.
fn circle(file: &str, imports: &Imports) -> Option<String> {
    let mut before: BTreeMap<&str, &str> = BTreeMap::new();
    let mut next = vec![file];
    while !next.is_empty() {
        let mut found = Vec::new();
        for from in next {
            for to in imports.get(from).into_iter().flatten() {
                if to == file {
                    let mut way = vec![from];
                    while let Some(earlier) = before.get(way[way.len() - 1]) {
                        way.push(earlier);
                    }
                    way.reverse();
                    let first = way.iter().min() == Some(&file);
                    return first.then(|| format!("{} -> {file}", way.join(" -> ")));
                }
                if !before.contains_key(&**to) {
                    before.insert(to, from);
                    found.push(&**to);
                }
            }
        }
        next = found;
    }
    None
}

/// Which file imports which, by their paths below `src/`.
fn imports() -> Imports {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    let mut imports = Imports::new();
    for path in files {
        let file = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
        if file.contains("/tests/") || ["lib.rs", "main.rs"].contains(&&*file) || file.ends_with("fuzzing.rs")
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let module = module_of(&file);
        let mut imported: BTreeSet<_> =
            paths(text, &children(text)).iter().filter_map(|path| resolve(&src, &module, path)).collect();
        imported.remove(&file);
        let folder = file.strip_suffix("/mod.rs").unwrap_or_default();
        if MOD_RS_IS_NOT_LOOKED_AT.contains(&folder) {
            imported.retain(|other| !other.starts_with(folder));
        }
        imports.insert(file, imported);
    }
    imports
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
}

/// `relay/decide/mod.rs` is `[relay, decide]`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.strip_suffix("/mod.rs").or(file.strip_suffix(".rs")).unwrap_or(file);
    path.split('/').map(str::to_owned).collect()
}

/// The modules that a source declares.
fn children(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';')).collect()
}

/// All paths in a source that begin with `crate`, `super`, `self` or a module that it declares, those in braces one by one.
fn paths(text: &str, children: &[&str]) -> Vec<Vec<String>> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    let children = children.iter().map(|child| format!("{child}::"));
    for root in ["crate::", "super::", "self::"].map(str::to_owned).into_iter().chain(children) {
        for (at, _) in code.match_indices(&root) {
            let before = &code[..at];
            let goes_on = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$');
            // `pub(in crate::…)` says who may see something.
            if !goes_on && !before.ends_with("(in ") {
                expand(&code[at..], &[], &mut found);
            }
        }
    }
    found
}

/// Reads a path at the start of `text`, or several behind a common beginning. Returns how much was read.
fn expand(text: &str, begun: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = begun.to_vec();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.starts_with('{') {
            at += 1;
            while !text[at..].starts_with('}') && at < text.len() {
                at += text[at..].find(|c: char| !c.is_whitespace() && c != ',').unwrap_or(1);
                if !text[at..].starts_with('}') {
                    at += expand(&text[at..], &path, found).max(1);
                }
            }
            return at + 1;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
        }
        at += end;
        if !text[at..].starts_with("::") {
            found.push(path);
            return at;
        }
        at += 2;
    }
}

/// The file that defines what a path names, as far as the path says it.
fn resolve(src: &Path, module: &[String], path: &[String]) -> Option<String> {
    let mut base: Vec<&str> = match path.first()?.as_str() {
        "crate" => Vec::new(),
        _ => module.iter().map(String::as_str).collect(),
    };
    for word in path {
        match word.as_str() {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            word => base.push(word),
        }
    }
    while !base.is_empty() {
        let way = base.join("/");
        for file in [format!("{way}.rs"), format!("{way}/mod.rs")] {
            if src.join(&file).is_file() {
                return Some(file);
            }
        }
        base.pop();
    }
    None
}
