//! The configuration of a node: its form, and what a form makes of it (XEP-0060 sections 8.2 and 16.4.4).

use crate::base::pubsub_limits::NODE_GROUPS_MAX;
use crate::base::pubsub_limits::NODE_ITEMS_MAX;
use crate::base::pubsub_limits::NODE_TEXT_BYTES_MAX;
use crate::model::pubsub::Access;
use crate::model::pubsub::NodeConfig;
use crate::model::pubsub::Publishers;
use crate::model::pubsub::SendLast;
use crate::pubsub::error::refused;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;

/// Words of a list, in the order in which they are shown.
type Words<T> = &'static [(T, &'static str)];

const ACCESS: Words<Access> = &[
    (Access::Open, "open"),
    (Access::Presence, "presence"),
    (Access::Roster, "roster"),
    (Access::Authorize, "authorize"),
    (Access::Whitelist, "whitelist"),
];

const PUBLISHERS: Words<Publishers> = &[
    (Publishers::Appointed, "publishers"),
    (Publishers::Subscribers, "subscribers"),
    (Publishers::Open, "open"),
];

const LAST: Words<SendLast> = &[
    (SendLast::Never, "never"),
    (SendLast::OnSubscription, "on_sub"),
    (SendLast::OnSubscriptionAndPresence, "on_sub_and_presence"),
];

const MESSAGES: Words<bool> = &[(false, "headline"), (true, "normal")];

/// A node as it is before its owner has said anything about it (XEP-0163 section 5 for an account's).
pub(super) fn first(is_pep: bool) -> NodeConfig {
    NodeConfig {
        title: Box::default(),
        description: Box::default(),
        payload: Box::default(),
        access: if is_pep {
            Access::Presence
        } else {
            Access::Open
        },
        groups: Vec::new(),
        publishers: Publishers::Appointed,
        items_max: u32::from(is_pep),
        persists: true,
        delivers_payloads: true,
        notifies_retract: true,
        notifies_delete: true,
        notifies_config: false,
        notifies_subscribers: false,
        last: if is_pep {
            SendLast::OnSubscriptionAndPresence
        } else {
            SendLast::Never
        },
        expires: 0,
        to_present_only: is_pep,
        is_normal: false,
    }
}

impl NodeConfig {
    /// How many items the node keeps.
    pub(super) fn room(&self) -> usize {
        match usize::try_from(self.items_max) {
            Ok(0) | Err(_) => NODE_ITEMS_MAX,
            Ok(count) => count.min(NODE_ITEMS_MAX),
        }
    }
}

/// All that an owner may set, as it is. `groups`: those of the owner's roster.
pub(super) fn form(config: &NodeConfig, groups: &[&str]) -> Form {
    let form = Form::with_type(FormKind::Form, ns::NODE_CONFIG);
    let fields = fields(config, groups);
    fields.into_iter().fold(form, Form::with)
}

fn fields(config: &NodeConfig, groups: &[&str]) -> Vec<Field> {
    let access = list("access_model", "Who may subscribe and read", ACCESS);
    let known = Field::new("pubsub#roster_groups_allowed", FieldKind::ListMulti)
        .with_label("Roster groups that may subscribe and read")
        .with_values(config.groups.iter().cloned());
    let known = groups
        .iter()
        .fold(known, |field, group| field.with_option(group, group));
    let mut fields = vec![
        Field::new("pubsub#node_type", FieldKind::ListSingle)
            .with_label("What the node is")
            .with_value("leaf")
            .with_option("leaf", "leaf"),
        text("title", "Title", &config.title),
        text("description", "Description", &config.description),
        text("type", "Namespace of the payloads", &config.payload),
        access.with_value(word(ACCESS, config.access)),
        known,
    ];
    let who = list("publish_model", "Who may publish", PUBLISHERS);
    let last = list(
        "send_last_published_item",
        "When to send the last item",
        LAST,
    );
    let expires = config.expires.to_string();
    let expiry = "Seconds after which items go; 0: never";
    fields.extend([
        who.with_value(word(PUBLISHERS, config.publishers)),
        flag("persist_items", "Keep items", config.persists),
        text("max_items", "Items to keep, or max", &max_of(config)),
        text("item_expire", expiry, &expires),
        last.with_value(word(LAST, config.last)),
    ]);
    fields.extend(notifications(config));
    fields
}

fn notifications(config: &NodeConfig) -> [Field; 7] {
    let kind = list("notification_type", "Type of notifications", MESSAGES);
    let present = "Notify only who is available";
    [
        flag(
            "deliver_payloads",
            "Send payloads",
            config.delivers_payloads,
        ),
        flag("presence_based_delivery", present, config.to_present_only),
        kind.with_value(word(MESSAGES, config.is_normal)),
        flag(
            "notify_retract",
            "Tell of retractions",
            config.notifies_retract,
        ),
        flag("notify_delete", "Tell of its end", config.notifies_delete),
        flag("notify_config", "Tell of changes", config.notifies_config),
        flag(
            "notify_sub",
            "Tell owners of subscriptions",
            config.notifies_subscribers,
        ),
    ]
}

/// `pubsub#max_items` as it is told.
pub(super) fn max_of(config: &NodeConfig) -> String {
    match config.items_max {
        0 => "max".to_owned(),
        count => count.to_string(),
    }
}

fn text(name: &str, label: &str, value: &str) -> Field {
    Field::new(&format!("pubsub#{name}"), FieldKind::TextSingle)
        .with_label(label)
        .with_value(value)
}

fn flag(name: &str, label: &str, value: bool) -> Field {
    Field::boolean(&format!("pubsub#{name}"), value).with_label(label)
}

/// What the answers of a form make of a configuration. `is_strict`: every field has to be known
/// (section 7.1.5).
pub(super) fn apply(
    old: &NodeConfig,
    form: &Form,
    is_strict: bool,
) -> Result<NodeConfig, StanzaError> {
    let mut config = old.clone();
    for field in &form.fields {
        let is_set = &*field.var == "FORM_TYPE" || set(&mut config, &field.var, form)?;
        if is_strict && !is_set {
            return Err(refused(Condition::Conflict, "precondition-not-met"));
        }
    }
    Ok(config)
}

/// Sets one field; `false`: there is no such field.
fn set(config: &mut NodeConfig, var: &str, form: &Form) -> Result<bool, StanzaError> {
    let wrong = || StanzaError::new(Condition::NotAcceptable);
    let flag = |field: &mut bool| -> Result<(), StanzaError> {
        if let Some(value) = form.boolean(var)? {
            *field = value;
        }
        Ok(())
    };
    let value = form.value(var).unwrap_or_default();
    let text = || {
        let is_fit = value.len() <= NODE_TEXT_BYTES_MAX;
        is_fit.then(|| Box::from(value)).ok_or_else(wrong)
    };
    match var {
        // There are no collections.
        "pubsub#node_type" if value != "leaf" => return Err(wrong()),
        // A session may end without a word, and then nothing could be purged.
        "pubsub#purge_offline" if form.boolean(var)? == Some(true) => return Err(wrong()),
        "pubsub#node_type" | "pubsub#purge_offline" => {}
        "pubsub#title" => config.title = text()?,
        "pubsub#description" => config.description = text()?,
        "pubsub#type" => config.payload = text()?,
        "pubsub#access_model" => {
            let unknown = || refused(Condition::NotAcceptable, "unsupported-access-model");
            config.access = find(ACCESS, value).ok_or_else(unknown)?;
        }
        "pubsub#roster_groups_allowed" => {
            let groups: Vec<Box<str>> = form.values(var).map(Into::into).collect();
            let is_long = groups.iter().any(|group| group.len() > NODE_TEXT_BYTES_MAX);
            if groups.len() > NODE_GROUPS_MAX || is_long {
                return Err(wrong());
            }
            config.groups = groups;
        }
        "pubsub#publish_model" => {
            config.publishers = find(PUBLISHERS, value).ok_or_else(wrong)?;
        }
        "pubsub#persist_items" => flag(&mut config.persists)?,
        "pubsub#max_items" => {
            config.items_max = match value {
                "max" | "" => 0,
                count => count.trim().parse().map_err(|_| wrong())?,
            };
        }
        "pubsub#item_expire" => {
            config.expires = match value {
                "max" | "" => 0,
                seconds => seconds.trim().parse().map_err(|_| wrong())?,
            };
        }
        "pubsub#send_last_published_item" => {
            config.last = find(LAST, value).ok_or_else(wrong)?;
        }
        "pubsub#deliver_payloads" => flag(&mut config.delivers_payloads)?,
        "pubsub#presence_based_delivery" => flag(&mut config.to_present_only)?,
        "pubsub#notification_type" => {
            config.is_normal = find(MESSAGES, value).ok_or_else(wrong)?;
        }
        "pubsub#notify_retract" => flag(&mut config.notifies_retract)?,
        "pubsub#notify_delete" => flag(&mut config.notifies_delete)?,
        "pubsub#notify_config" => flag(&mut config.notifies_config)?,
        "pubsub#notify_sub" => flag(&mut config.notifies_subscribers)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn list<T>(name: &str, label: &str, words: Words<T>) -> Field {
    let var = format!("pubsub#{name}");
    let field = Field::new(&var, FieldKind::ListSingle).with_label(label);
    let names = words.iter().map(|(_, name)| name);
    names.fold(field, |field, name| field.with_option(name, name))
}

pub(super) fn access_name(access: Access) -> &'static str {
    word(ACCESS, access)
}

pub(super) fn publishers_name(publishers: Publishers) -> &'static str {
    word(PUBLISHERS, publishers)
}

fn word<T: Copy + PartialEq>(words: Words<T>, value: T) -> &'static str {
    let found = words.iter().find(|(one, _)| *one == value);
    found.map_or("", |(_, name)| name)
}

fn find<T: Copy>(words: Words<T>, name: &str) -> Option<T> {
    let found = words.iter().find(|(_, one)| *one == name);
    found.map(|(value, _)| *value)
}
