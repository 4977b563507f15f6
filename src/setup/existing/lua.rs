//! Reads Prosody's configuration without running it: sections, options, and the files that are included. Knows nothing of what
//! the options mean.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use full_moon::LuaVersion;
use full_moon::ast::{
    Block, Call, Expression, Field, FunctionArgs, FunctionCall, Prefix, Stmt, Suffix, TableConstructor, Var,
};
use full_moon::node::Node as _;
use full_moon::tokenizer::{Position, StringLiteralQuoteType, TokenReference, TokenType};

use super::gap::ReadError;
use super::lua_limits;
use super::pattern::matches;
use super::place::Place;
use super::tree::{Node, Table, Value};

/// Files that include each other end here.
const MAX_DEPTH: usize = 8;

/// More files are not read: a pattern can name a file that includes the same pattern.
const MAX_FILES: usize = 1000;

/// Larger texts are no configuration.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// What is joined, or put into tables again and again, is not followed beyond this.
const MAX_JOINED_BYTES: usize = 64 * 1024;
const MAX_VALUES: usize = 1000;

/// For the parser, which descends into what stands there.
const PARSER_STACK_BYTES: usize = 256 * 1024 * 1024;

/// The configuration.
#[derive(Debug, Default)]
pub(super) struct Prosody {
    /// The options above all sections.
    pub(super) global: Table,
    pub(super) sections: Vec<Section>,
    /// What stands there and can't be followed, with its place.
    pub(super) unseen: Vec<String>,
    /// Options that are added to before they are set, which Prosody refuses, and where.
    pub(super) refused: Vec<(Place, String)>,
    files: usize,
}

#[derive(Debug)]
pub(super) struct Section {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) options: Table,
    /// Its options stand in braces: what follows them is outside of all sections.
    pub(super) closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Host,
    /// Its module, such as `muc`; none for a component that connects.
    Component(Option<String>),
}

/// Reads the file, and all that it includes.
///
/// # Errors
/// A file can't be read, or is not Lua.
pub(super) fn read(path: &Path) -> Result<Prosody, ReadError> {
    let mut prosody = Prosody::default();
    prosody.file(path, 0)?;
    Ok(prosody)
}

/// Reads a text; `name` stands in its places.
///
/// # Errors
/// It is not Lua.
pub(super) fn read_text(text: &str, name: &Path) -> Result<Prosody, ReadError> {
    let mut prosody = Prosody::default();
    prosody.text(text, name, 0)?;
    Ok(prosody)
}

/// What is being read: each file begins outside of all sections.
struct File<'a> {
    path: &'a Path,
    place: Place,
    section: Option<usize>,
    locals: HashMap<String, Value>,
    depth: usize,
}

impl Prosody {
    /// Two sections of one name are one.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| super::tree::same(&section.name, name))
    }

    fn file(&mut self, path: &Path, depth: usize) -> Result<(), ReadError> {
        let bytes =
            fs::read(path).map_err(|source| ReadError::Unreadable { path: path.to_owned(), source })?;
        self.text(&String::from_utf8_lossy(&bytes), path, depth)
    }

    /// In a thread of its own: the parser may need more of the stack, and may panic at texts that are no Lua.
    fn text(&mut self, text: &str, path: &Path, depth: usize) -> Result<(), ReadError> {
        let wrong = |line: usize, why: &str| {
            Err(ReadError::Wrong { place: Place::file(path).at(line).to_string(), why: why.to_owned() })
        };
        self.files += 1;
        if text.len() > MAX_TEXT_BYTES || self.files > MAX_FILES {
            return wrong(1, "this is too much for a configuration");
        }
        if let Some((line, why)) = lua_limits::trouble(text) {
            return wrong(line, why);
        }
        let read = std::thread::scope(|scope| {
            let parser = std::thread::Builder::new().stack_size(PARSER_STACK_BYTES);
            parser.spawn_scoped(scope, || self.parsed(text, path, depth)).ok()?.join().ok()
        });
        read.unwrap_or_else(|| wrong(1, "this is not Lua"))
    }

    fn parsed(&mut self, text: &str, path: &Path, depth: usize) -> Result<(), ReadError> {
        let ast = full_moon::parse_fallible(text, LuaVersion::lua54()).into_result().map_err(|errors| {
            let first = errors.first();
            ReadError::Wrong {
                place: Place::file(path).at(first.map_or(1, |e| e.range().0.line())).to_string(),
                why: first.map_or_else(|| "this is not Lua".to_owned(), |e| e.error_message().into_owned()),
            }
        })?;
        let locals = HashMap::new();
        let mut file = File { path, place: Place::file(path), section: None, locals, depth };
        self.block(ast.nodes(), &mut file)
    }

    fn block(&mut self, block: &Block, file: &mut File) -> Result<(), ReadError> {
        for statement in block.stmts() {
            let place = file.place.at(statement.start_position().map_or(0, Position::line));
            match statement {
                Stmt::Assignment(it) => {
                    for (variable, value) in it.variables().iter().zip(it.expressions()) {
                        match variable {
                            Var::Name(name) if file.locals.contains_key(&word(name)) => {
                                let value = bounded(value_of(value, &place, file));
                                file.locals.insert(word(name), value);
                            }
                            Var::Name(name) => {
                                let value = self.or_else(value, &word(name), file).unwrap_or(value);
                                let node = node_of(value, &place, file);
                                self.options(file).keys.push((word(name), node));
                            }
                            _ => self.unseen.push(format!("{place}: an assignment that is no option")),
                        }
                    }
                }
                Stmt::LocalAssignment(it) => {
                    for (name, value) in it.names().iter().zip(it.expressions()) {
                        let value = bounded(value_of(value, &place, file));
                        file.locals.insert(word(name), value);
                    }
                }
                Stmt::Do(it) => self.block(it.block(), file)?,
                Stmt::FunctionCall(call) => self.call(call, &place, file)?,
                _ => self.unseen.push(format!("{place}: code that Prosody runs there")),
            }
        }
        Ok(())
    }

    fn options(&mut self, file: &File) -> &mut Table {
        match file.section.and_then(|at| self.sections.get_mut(at)) {
            Some(section) => &mut section.options,
            None => &mut self.global,
        }
    }

    fn call(&mut self, call: &FunctionCall, place: &Place, file: &mut File) -> Result<(), ReadError> {
        let Prefix::Name(name) = call.prefix() else {
            self.unseen.push(format!("{place}: a call"));
            return Ok(());
        };
        let name = word(name);
        let arguments: Vec<Node> =
            call.suffixes().filter_map(|suffix| argument(suffix, place, file)).collect();
        let mut texts = arguments.iter().filter_map(Node::text);
        match (name.as_str(), texts.next()) {
            ("VirtualHost" | "Host", Some(host)) => self.begin(host, Kind::Host, place, file),
            ("Component", Some(component)) => {
                // Without a module it is one that connects, which is the module of this name.
                let module = texts.next().filter(|module| *module != "component").map(str::to_owned);
                self.begin(component, Kind::Component(module), place, file);
            }
            ("Include", Some(included)) => {
                self.include(included, place, file)?;
                return Ok(());
            }
            (option, None) if self.append(option, &arguments, place, file) => return Ok(()),
            _ => {
                self.unseen.push(format!("{place}: {name}"));
                return Ok(());
            }
        }
        let mut tables = arguments.into_iter().filter_map(|it| it.table().cloned()).peekable();
        let closed = tables.peek().is_some();
        for table in tables {
            self.options(file).keys.extend(table.keys);
        }
        if let Some(section) = file.section.and_then(|at| self.sections.get_mut(at)) {
            section.closed &= closed;
        }
        if closed {
            file.section = None;
        }
        Ok(())
    }

    /// `option = option or …`: what stands behind `or`, unless the option is there. Before Prosody 13 it never is.
    fn or_else<'e>(&mut self, value: &'e Expression, option: &str, file: &File) -> Option<&'e Expression> {
        let Expression::BinaryOperator { lhs, binop, rhs } = value else { return None };
        let Expression::Var(Var::Name(name)) = &**lhs else { return None };
        let is_there = self.options(file).get(option).is_some();
        (binop.to_string().trim() == "or" && word(name) == option && !is_there).then_some(&**rhs)
    }

    /// `modules_enabled { … }` and `modules_enabled:append { … }`, from Prosody 13 on: the option, which is there, gets more items.
    fn append(&mut self, option: &str, arguments: &[Node], place: &Place, file: &File) -> bool {
        let [node @ Node { value: Value::Table(more), .. }] = arguments else { return false };
        let options = &mut self.options(file).keys;
        match options.iter_mut().rev().find(|(name, _)| name == option) {
            Some((_, Node { value: Value::Table(there), .. })) => {
                there.items.extend(more.items.iter().cloned());
                there.keys.extend(more.keys.iter().cloned());
            }
            Some(_) => return false,
            // What is to be added to it counts all the same, so that nothing is taken away.
            None => {
                options.push((option.to_owned(), node.clone()));
                self.refused.push((place.clone(), option.to_owned()));
            }
        }
        true
    }

    fn begin(&mut self, name: &str, kind: Kind, place: &Place, file: &mut File) {
        let there = self.sections.iter().position(|section| super::tree::same(&section.name, name));
        file.section = Some(there.unwrap_or_else(|| {
            let (place, name) = (place.clone(), name.to_owned());
            self.sections.push(Section { place, name, kind, options: Table::default(), closed: true });
            self.sections.len() - 1
        }));
    }

    /// The files are read as Prosody does: relative to the file that includes them; `*` and `?` only in the last part.
    fn include(&mut self, included: &str, place: &Place, file: &File) -> Result<(), ReadError> {
        if file.depth >= MAX_DEPTH {
            self.unseen.push(format!("{place}: Include {included:?}: too deep"));
            return Ok(());
        }
        let path = file.path.parent().unwrap_or(Path::new("")).join(included);
        let pattern = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !pattern.contains(['*', '?']) {
            if !path.exists() {
                self.unseen.push(format!("{place}: Include {included:?}: there is no such file"));
                return Ok(());
            }
            return self.file(&path, file.depth + 1);
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut found: Vec<PathBuf> = match fs::read_dir(folder) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(e) => {
                self.unseen.push(format!("{place}: Include {included:?}: {e}"));
                return Ok(());
            }
        };
        found.retain(|it| {
            let name = it.file_name().unwrap_or_default().to_string_lossy();
            // Names that begin with a dot match none.
            !name.starts_with('.') && matches(&name, &pattern)
        });
        found.sort();
        found.iter().try_for_each(|it| self.file(it, file.depth + 1))
    }
}

fn word(token: &TokenReference) -> String {
    token.token().to_string()
}

fn argument(suffix: &Suffix, place: &Place, file: &File) -> Option<Node> {
    let arguments = match suffix {
        Suffix::Call(Call::AnonymousCall(arguments)) => &**arguments,
        Suffix::Call(Call::MethodCall(call)) if word(call.name()) == "append" => call.args(),
        _ => return None,
    };
    let value = match arguments {
        FunctionArgs::String(token) => string(token),
        FunctionArgs::TableConstructor(table) => Value::Table(table_of(table, place, file)),
        FunctionArgs::Parentheses { arguments, .. } => value_of(arguments.iter().next()?, place, file),
        _ => Value::Unseen,
    };
    Some(Node::new(place.clone(), value))
}

fn node_of(expression: &Expression, place: &Place, file: &File) -> Node {
    let mut bare = expression;
    while let Expression::Parentheses { expression, .. } = bare {
        bare = expression;
    }
    let by_name = matches!(bare, Expression::Var(_));
    Node { by_name, ..Node::new(place.clone(), value_of(expression, place, file)) }
}

fn value_of(expression: &Expression, place: &Place, file: &File) -> Value {
    match expression {
        Expression::String(token) => string(token),
        Expression::Number(token) => Value::Text(word(token)),
        Expression::Symbol(token) => match word(token).as_str() {
            known @ ("true" | "false") => Value::Text(known.to_owned()),
            _ => Value::Unseen,
        },
        Expression::TableConstructor(table) => Value::Table(table_of(table, place, file)),
        Expression::Parentheses { expression, .. } => value_of(expression, place, file),
        Expression::Var(Var::Name(name)) => file.locals.get(&word(name)).cloned().unwrap_or(Value::Unseen),
        Expression::BinaryOperator { lhs, binop, rhs } if binop.to_string().trim() == ".." => {
            match [lhs, rhs].map(|side| value_of(side, place, file)) {
                [Value::Text(one), Value::Text(other)] if one.len() + other.len() < MAX_JOINED_BYTES => {
                    Value::Text(one + &other)
                }
                _ => Value::Unseen,
            }
        }
        _ => Value::Unseen,
    }
}

/// A value that can be put into others: each name of it is one more copy.
fn bounded(value: Value) -> Value {
    if values_in(&value) > MAX_VALUES { Value::Unseen } else { value }
}

/// How many values there are in this one, itself included.
fn values_in(value: &Value) -> usize {
    let Value::Table(table) = value else { return 1 };
    let inside = table.items.iter().chain(table.keys.iter().map(|(_, node)| node));
    1 + inside.map(|node| values_in(&node.value)).sum::<usize>()
}

fn table_of(table: &TableConstructor, place: &Place, file: &File) -> Table {
    let mut read = Table::default();
    for field in table.fields() {
        let place = place.at(field.start_position().map_or(0, Position::line));
        let node = |value: &Expression| node_of(value, &place, file);
        match field {
            Field::NameKey { key, value, .. } => read.keys.push((word(key), node(value))),
            Field::ExpressionKey { key, value, .. } => match value_of(key, &place, file) {
                Value::Text(key) => read.keys.push((key, node(value))),
                _ => read.items.push(Node::new(place.clone(), Value::Unseen)),
            },
            Field::NoKey(value) => read.items.push(node(value)),
            _ => read.items.push(Node::new(place.clone(), Value::Unseen)),
        }
    }
    read
}

fn string(token: &TokenReference) -> Value {
    let TokenType::StringLiteral { literal, quote_type, .. } = token.token().token_type() else {
        return Value::Unseen;
    };
    let raw = literal.to_string();
    Value::Text(if matches!(quote_type, StringLiteralQuoteType::Brackets) { raw } else { unescaped(&raw) })
}

/// A quoted string of Lua 5.4 without its escapes.
fn unescaped(raw: &str) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.chars().peekable();
    let mut utf8 = [0; 4];
    while let Some(c) = rest.next() {
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut utf8).bytes());
            continue;
        }
        match rest.next() {
            Some('n') => bytes.push(b'\n'),
            Some('t') => bytes.push(b'\t'),
            Some('r') => bytes.push(b'\r'),
            Some('z') => while rest.next_if(|c| c.is_whitespace()).is_some() {},
            Some('x') => {
                let hex: String = rest.by_ref().take(2).collect();
                bytes.extend(u8::from_str_radix(&hex, 16).ok());
            }
            Some('u') => {
                let hex: String = rest.by_ref().skip(1).take_while(|c| *c != '}').collect();
                let c = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                bytes.extend(c.iter().flat_map(|c| c.to_string().into_bytes()));
            }
            Some(digit) if digit.is_ascii_digit() => {
                let mut number = digit.to_string();
                while number.len() < 3
                    && let Some(digit) = rest.next_if(char::is_ascii_digit)
                {
                    number.push(digit);
                }
                bytes.extend(number.parse::<u8>().ok());
            }
            Some(c) => bytes.extend(c.encode_utf8(&mut utf8).bytes()),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
