//! What `meerkat dev --data FILE` begins with: users, contacts, rooms and messages, in TOML.
//!
//! ```toml
//! [[user]]
//! name = "dora"
//! password = "secret"          # the name, if it is left out
//! admin = true                 # false, if it is left out
//!
//! [[contact]]                  # each of the other
//! of = "dora"
//! user = "alice"
//! name = "Alice"               # as dora calls her; may be left out
//! groups = ["Friends"]         # may be left out
//!
//! [[room]]
//! name = "team"
//! owner = "dora"
//! title = "The team"           # may be left out
//! members = ["alice"]          # if there are any, only they may enter
//!
//! [[message]]                  # in the order of the file
//! from = "alice"
//! to = "dora"                  # or: room = "team"
//! body = "hello"
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use toml_span::value::Table;
use toml_span::value::ValueInner;

use crate::base::jid::BareJid;
use crate::config::fault::Fault;
use crate::config::fault::Origin;
use crate::config::fault::Problem;
use crate::config::file::line_at;
use crate::config::file::read_bounded;
use crate::config::value::Value;

const KINDS: [&str; 4] = ["user", "contact", "room", "message"];

/// Tables and what stands in them.
const TABLES: [(&str, &[&str]); 4] = [
    ("user", &["name", "password", "admin"]),
    ("contact", &["of", "user", "name", "groups"]),
    ("room", &["name", "owner", "title", "members"]),
    ("message", &["from", "to", "room", "body"]),
];

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Scene {
    pub(crate) users: Vec<User>,
    pub(crate) contacts: Vec<Contact>,
    pub(crate) rooms: Vec<Room>,
    pub(crate) messages: Vec<Message>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) is_admin: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Contact {
    pub(crate) of: String,
    pub(crate) user: String,
    pub(crate) name: Option<String>,
    pub(crate) groups: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Room {
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) title: Option<String>,
    pub(crate) members: Vec<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) from: String,
    pub(crate) to: Receiver,
    pub(crate) body: String,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Receiver {
    User(String),
    Room(String),
}

/// Reads the file; `users` and `rooms` are there without it. Gives every mistake at once.
pub(crate) fn read(path: &Path, users: &[&str], rooms: &[&str]) -> Result<Scene, Vec<Fault>> {
    let mut reader = Reader {
        path: path.to_owned(),
        text: String::new(),
        faults: Vec::new(),
    };
    match read_bounded(path) {
        Ok(text) => reader.text = text,
        Err(problem) => reader.complain(0, "", problem),
    }
    let scene = reader.parse(users, rooms);
    if reader.faults.is_empty() {
        Ok(scene)
    } else {
        reader.faults.sort_by_key(|fault| match fault.origin {
            Origin::File { line, .. } => line,
            _ => 0,
        });
        Err(reader.faults)
    }
}

struct Reader {
    path: PathBuf,
    text: String,
    faults: Vec<Fault>,
}

/// One table, with the line where it begins.
struct Entry {
    kind: &'static str,
    line: usize,
    values: BTreeMap<String, (Value, usize)>,
}

impl Reader {
    fn complain(&mut self, line: usize, key: &str, problem: Problem) {
        let path = self.path.clone();
        self.faults.push(Fault {
            origin: Origin::File { path, line },
            key: key.to_owned(),
            problem,
        });
    }

    fn parse(&mut self, users: &[&str], rooms: &[&str]) -> Scene {
        let text = self.text.clone();
        let mut root = match toml_span::parse(&text) {
            Ok(root) => root,
            Err(error) => {
                let line = line_at(&text, error.span.start);
                self.complain(line, "", Problem::NotToml(error.to_string()));
                return Scene::default();
            }
        };
        let ValueInner::Table(table) = root.take() else {
            return Scene::default();
        };
        let entries = self.entries(table);
        let mut scene = Scene::default();
        let mut known = Known {
            users: users.iter().map(|name| (*name).to_owned()).collect(),
            rooms: rooms.iter().map(|name| (*name).to_owned()).collect(),
        };
        // What is spoken of may stand further down.
        for kind in KINDS {
            for entry in entries.iter().filter(|entry| entry.kind == kind) {
                self.read_entry(entry, &mut known, &mut scene);
            }
        }
        scene
    }

    fn entries(&mut self, table: Table<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (key, mut value) in table {
            let line = line_at(&self.text, key.span.start);
            let Some((kind, fields)) = TABLES.iter().find(|(kind, _)| *kind == key.name) else {
                self.not_a_choice(line, "table", &key.name, &KINDS);
                continue;
            };
            let ValueInner::Array(items) = value.take() else {
                self.wrong_type(line, &key.name, "one table", "[[..]] with two brackets");
                continue;
            };
            for mut item in items {
                let line = line_at(&self.text, item.span.start);
                let ValueInner::Table(table) = item.take() else {
                    self.wrong_type(line, &key.name, "no table", "[[..]]");
                    continue;
                };
                let values = self.values(kind, fields, table);
                entries.push(Entry { kind, line, values });
            }
        }
        entries.sort_by_key(|entry| entry.line);
        entries
    }

    fn values(
        &mut self,
        kind: &str,
        fields: &'static [&'static str],
        table: Table<'_>,
    ) -> BTreeMap<String, (Value, usize)> {
        let mut values = BTreeMap::new();
        for (key, mut value) in table {
            let line = line_at(&self.text, key.span.start);
            if fields.contains(&&*key.name) {
                let value = Value::from_toml(value.take());
                values.insert(key.name.into_owned(), (value, line));
            } else {
                self.not_a_choice(line, kind, &key.name, fields);
            }
        }
        values
    }

    fn not_a_choice(
        &mut self,
        line: usize,
        key: &str,
        found: &str,
        choices: &'static [&'static str],
    ) {
        let found = found.to_owned();
        self.complain(line, key, Problem::NotAChoice { found, choices });
    }

    fn wrong_type(&mut self, line: usize, key: &str, found: &str, wanted: &str) {
        let problem = Problem::WrongType {
            found: found.to_owned(),
            wanted: wanted.to_owned(),
        };
        self.complain(line, key, problem);
    }

    fn read_entry(&mut self, entry: &Entry, known: &mut Known, scene: &mut Scene) {
        match entry.kind {
            "user" => {
                let Some(name) = self.name(entry) else { return };
                let password = self.text(entry, "password");
                let is_admin = self.flag(entry, "admin");
                if scene.users.iter().any(|user| user.name == name) {
                    let remedy = "write one [[user]] for each";
                    return self.malformed(entry, "name", &name, "is there twice", remedy);
                }
                known.users.push(name.clone());
                scene.users.push(User {
                    password: password.unwrap_or_else(|| name.clone()),
                    name,
                    is_admin,
                });
            }
            "contact" => self.read_contact(entry, known, scene),
            "room" => self.read_room(entry, known, scene),
            _ => self.read_message(entry, known, scene),
        }
    }

    fn read_contact(&mut self, entry: &Entry, known: &Known, scene: &mut Scene) {
        let of = self.known(entry, "of", &known.users, NOBODY);
        let user = self.known(entry, "user", &known.users, NOBODY);
        let name = self.text(entry, "name");
        let groups = self.list(entry, "groups");
        if let (Some(of), Some(user)) = (of, user) {
            scene.contacts.push(Contact {
                of,
                user,
                name,
                groups,
            });
        }
    }

    fn read_room(&mut self, entry: &Entry, known: &mut Known, scene: &mut Scene) {
        let name = self.name(entry);
        let owner = self.known(entry, "owner", &known.users, NOBODY);
        let title = self.text(entry, "title");
        let members = self.list(entry, "members");
        for member in &members {
            self.check_known(entry, ("members", member), &known.users, NOBODY);
        }
        let (Some(name), Some(owner)) = (name, owner) else {
            return;
        };
        if known.rooms.contains(&name) {
            let remedy = "choose another name";
            return self.malformed(entry, "name", &name, "is there already", remedy);
        }
        known.rooms.push(name.clone());
        scene.rooms.push(Room {
            name,
            owner,
            title,
            members,
        });
    }

    fn read_message(&mut self, entry: &Entry, known: &Known, scene: &mut Scene) {
        let from = self.known(entry, "from", &known.users, NOBODY);
        let to = if entry.values.contains_key("room") {
            if let Some((_, line)) = entry.values.get("to") {
                let remedy = "keep the one that is meant";
                let other = "message.room";
                self.complain(*line, "message.to", Problem::Conflict { other, remedy });
            }
            let room = self.known(entry, "room", &known.rooms, NO_ROOM);
            room.map(Receiver::Room)
        } else {
            let to = self.known(entry, "to", &known.users, NOBODY);
            to.map(Receiver::User)
        };
        let body = self.needed(entry, "body", "body = \"hello\"");
        if let (Some(from), Some(to), Some(body)) = (from, to, body) {
            scene.messages.push(Message { from, to, body });
        }
    }

    /// A name of a user or a room: what stands before the @ of an address.
    fn name(&mut self, entry: &Entry) -> Option<String> {
        let name = self.needed(entry, "name", "name = \"dora\"")?;
        match BareJid::parse(&format!("{name}@localhost")) {
            Ok(jid) if jid.local() == Some(&*name) => Some(name),
            _ => {
                let remedy = "write what stands before the @ of an address, in small letters";
                self.malformed(entry, "name", &name, "is no name", remedy);
                None
            }
        }
    }

    fn known(
        &mut self,
        entry: &Entry,
        key: &'static str,
        known: &[String],
        nobody: Nobody,
    ) -> Option<String> {
        let name = self.needed(entry, key, nobody.like)?;
        let is_known = self.check_known(entry, (key, &name), known, nobody);
        is_known.then_some(name)
    }

    fn check_known(
        &mut self,
        entry: &Entry,
        (key, name): (&str, &str),
        known: &[String],
        nobody: Nobody,
    ) -> bool {
        let is_known = known.iter().any(|one| one == name);
        if !is_known {
            self.malformed(entry, key, name, nobody.what, nobody.remedy);
        }
        is_known
    }

    fn malformed(
        &mut self,
        entry: &Entry,
        key: &str,
        found: &str,
        what: &str,
        remedy: &'static str,
    ) {
        let line = entry.values.get(key).map_or(entry.line, |(_, line)| *line);
        let problem = Problem::Malformed {
            found: found.to_owned(),
            what: what.to_owned(),
            remedy,
        };
        self.complain(line, &format!("{}.{key}", entry.kind), problem);
    }

    fn needed(&mut self, entry: &Entry, key: &str, like: &'static str) -> Option<String> {
        if !entry.values.contains_key(key) {
            let name = format!("{}.{key}", entry.kind);
            self.complain(entry.line, &name, Problem::Missing { like });
        }
        self.text(entry, key)
    }

    fn text(&mut self, entry: &Entry, key: &str) -> Option<String> {
        match entry.values.get(key)? {
            (Value::Text(text), _) => Some(text.clone()),
            (other, line) => {
                let name = format!("{}.{key}", entry.kind);
                self.wrong_type(*line, &name, &other.describe(), "a text, in quotes");
                None
            }
        }
    }

    fn flag(&mut self, entry: &Entry, key: &str) -> bool {
        match entry.values.get(key) {
            None => false,
            Some((Value::Flag(flag), _)) => *flag,
            Some((other, line)) => {
                let name = format!("{}.{key}", entry.kind);
                self.wrong_type(*line, &name, &other.describe(), "true or false");
                false
            }
        }
    }

    fn list(&mut self, entry: &Entry, key: &str) -> Vec<String> {
        let Some((value, line)) = entry.values.get(key) else {
            return Vec::new();
        };
        let items = match value {
            Value::List(items) => items.as_slice(),
            _ => &[],
        };
        let texts: Vec<String> = items
            .iter()
            .filter_map(|item| match item {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect();
        if !matches!(value, Value::List(_)) || texts.len() < items.len() {
            let name = format!("{}.{key}", entry.kind);
            let wanted = "a list of texts, such as [\"..\", \"..\"]";
            self.wrong_type(*line, &name, &value.describe(), wanted);
        }
        texts
    }
}

/// Names that may be spoken of.
struct Known {
    users: Vec<String>,
    rooms: Vec<String>,
}

/// What is said of a name that is not there.
#[derive(Clone, Copy)]
struct Nobody {
    like: &'static str,
    what: &'static str,
    remedy: &'static str,
}

const NOBODY: Nobody = Nobody {
    like: "\"dora\"",
    what: "is nobody",
    remedy: "add a [[user]] with this name",
};

const NO_ROOM: Nobody = Nobody {
    like: "room = \"team\"",
    what: "is no room",
    remedy: "add a [[room]] with this name",
};
