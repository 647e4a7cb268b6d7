//! A room's configuration as a form, and back (XEP-0045 sections 10.1.3, 10.2 and 16.5.3).

use crate::base::jid::BareJid;
use crate::base::limits::ROOM_TEXT_BYTES_MAX;
use crate::model::room::Affiliation;
use crate::model::room::RoomConfig;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::StanzaError;
use crate::stanza::form::Field;
use crate::stanza::form::FieldKind;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;

/// Roles by their bits in the configuration, as forms name them.
const ROLES: [(u8, &str); 3] = [(4, "moderator"), (2, "participant"), (1, "visitor")];

/// Who may send private messages, by number.
const PRIVATE: [(&str, &str); 4] = [
    ("Nobody", "none"),
    ("Moderators", "moderators"),
    ("Who has voice", "participants"),
    ("Anyone", "anyone"),
];

/// The form for an owner, filled in with what holds.
pub(super) fn filled(visit: &Visit<'_>, config: &RoomConfig, occupants_max: u32) -> Form {
    let mut form = Form::with_type(FormKind::Form, ns::MUC_CONFIG);
    form.title = Some("Configuration of the room".into());
    let form = texts(form, config);
    let form = switches(form, config);
    let form = choices(form, config, occupants_max);
    let list = |affiliation| {
        let all = visit.affiliations();
        all.filter(move |(_, row)| row.affiliation == affiliation)
            .map(|(user, _)| user.as_str())
            .map(Box::<str>::from)
    };
    form.with(
        Field::new("muc#roomconfig_roomadmins", FieldKind::JidMulti)
            .with_label("Admins")
            .with_values(list(Affiliation::Admin)),
    )
    .with(
        Field::new("muc#roomconfig_roomowners", FieldKind::JidMulti)
            .with_label("Owners")
            .with_values(list(Affiliation::Owner)),
    )
}

fn texts(form: Form, config: &RoomConfig) -> Form {
    let text = |name: &str, label: &str, value: &str| {
        Field::new(name, FieldKind::TextSingle)
            .with_label(label)
            .with_value(value)
    };
    form.with(text("muc#roomconfig_roomname", "Name", &config.name))
        .with(text(
            "muc#roomconfig_roomdesc",
            "Description",
            &config.description,
        ))
        .with(text("muc#roomconfig_lang", "Language", &config.lang))
        .with(
            Field::new("muc#roomconfig_roomsecret", FieldKind::TextPrivate)
                .with_label("Password")
                .with_value(config.password.as_deref().unwrap_or("")),
        )
}

fn switches(mut form: Form, config: &RoomConfig) -> Form {
    let is_protected = config.password.is_some();
    let fields = [
        (
            "persistentroom",
            "Stay when nobody is there",
            config.persistent,
        ),
        ("publicroom", "Listed for everybody", config.public),
        ("membersonly", "For members only", config.members_only),
        ("moderatedroom", "Moderated", config.moderated),
        ("passwordprotectedroom", "Needs a password", is_protected),
        ("enablelogging", "Archived", config.archived),
        (
            "changesubject",
            "Participants may change the subject",
            config.anyone_changes_subject,
        ),
        (
            "allowinvites",
            "Participants may invite others",
            config.anyone_invites,
        ),
    ];
    for (name, label, value) in fields {
        let name = ["muc#roomconfig_", name].concat();
        form = form.with(Field::boolean(&name, value).with_label(label));
    }
    form
}

fn choices(form: Form, config: &RoomConfig, occupants_max: u32) -> Form {
    let whois = if config.open_addresses {
        "anyone"
    } else {
        "moderators"
    };
    let limit = match config.occupants_max {
        0 => occupants_max,
        own => own.min(occupants_max),
    };
    let mut private = Field::new("muc#roomconfig_allowpm", FieldKind::ListSingle)
        .with_label("Who may send private messages")
        .with_value(private_name(config.private_messages));
    for (label, value) in PRIVATE {
        private = private.with_option(label, value);
    }
    let mut places = Field::new("muc#roomconfig_maxusers", FieldKind::ListSingle)
        .with_label("Places")
        .with_value(&limit.to_string());
    let sizes = [10, 20, 50, 100, 200, 500, 1_000];
    for size in sizes
        .into_iter()
        .filter(|size| *size < occupants_max && *size != limit)
        .chain([limit, occupants_max])
    {
        let size = size.to_string();
        if places.options.iter().all(|(_, value)| **value != *size) {
            places = places.with_option(&size, &size);
        }
    }
    form.with(
        Field::new("muc#roomconfig_whois", FieldKind::ListSingle)
            .with_label("Who may see real addresses")
            .with_option("Moderators", "moderators")
            .with_option("Anyone", "anyone")
            .with_value(whois),
    )
    .with(private)
    .with(places)
    .with(
        role_set(
            "muc#roomconfig_presencebroadcast",
            config.presence_broadcast,
        )
        .with_label("Whose presence is told"),
    )
    .with(
        role_set("muc#roomconfig_getmemberlist", config.member_list)
            .with_label("Who may see the list of members"),
    )
}

fn role_set(name: &str, bits: u8) -> Field {
    let mut field = Field::new(name, FieldKind::ListMulti);
    for (bit, role) in ROLES {
        field = field.with_option(role, role);
        if bits & bit != 0 {
            field = field.with_value(role);
        }
    }
    field
}

pub(super) fn private_name(number: u8) -> &'static str {
    PRIVATE
        .get(usize::from(number))
        .map_or("anyone", |(_, name)| name)
}

/// The configuration after a submitted form: what it does not mention stays.
pub(super) fn submitted(form: &Form, old: &RoomConfig) -> Result<RoomConfig, StanzaError> {
    let text = |name: &str, old: &str| match form.text(name) {
        Some(text) if text.len() > ROOM_TEXT_BYTES_MAX => not_acceptable(),
        Some(text) => Ok(text.into_boxed_str()),
        None => Ok(old.into()),
    };
    let switch = |name: &str, old: bool| form.boolean(name).map(|value| value.unwrap_or(old));
    let mut new = RoomConfig {
        name: text("muc#roomconfig_roomname", &old.name)?,
        description: text("muc#roomconfig_roomdesc", &old.description)?,
        lang: text("muc#roomconfig_lang", &old.lang)?,
        persistent: switch("muc#roomconfig_persistentroom", old.persistent)?,
        public: switch("muc#roomconfig_publicroom", old.public)?,
        members_only: switch("muc#roomconfig_membersonly", old.members_only)?,
        moderated: switch("muc#roomconfig_moderatedroom", old.moderated)?,
        archived: switch("muc#roomconfig_enablelogging", old.archived)?,
        anyone_changes_subject: switch("muc#roomconfig_changesubject", old.anyone_changes_subject)?,
        anyone_invites: switch("muc#roomconfig_allowinvites", old.anyone_invites)?,
        ..old.clone()
    };
    if new.members_only && !old.members_only && form.field("muc#roomconfig_allowinvites").is_none()
    {
        // Section 7.8.2: there, who may invite may make members, and has to be given that.
        new.anyone_invites = false;
    }
    new.password = password(form, old)?;
    if let Some(whois) = form.value("muc#roomconfig_whois") {
        new.open_addresses = match whois {
            "anyone" => true,
            "moderators" => false,
            _ => return not_acceptable(),
        };
    }
    if let Some(value) = form.value("muc#roomconfig_allowpm") {
        let number = PRIVATE.iter().position(|(_, name)| *name == value);
        new.private_messages = match number.and_then(|number| u8::try_from(number).ok()) {
            Some(number) => number,
            None => return not_acceptable(),
        };
    }
    if let Some(value) = form.value("muc#roomconfig_maxusers") {
        new.occupants_max = match value {
            "" | "none" => 0,
            number => number
                .parse()
                .map_err(|_| StanzaError::new(Condition::NotAcceptable))?,
        };
    }
    new.presence_broadcast = roles(form, "presencebroadcast", old.presence_broadcast)?;
    new.member_list = roles(form, "getmemberlist", old.member_list)?;
    Ok(new)
}

/// Section 10.1.3: protection without a password is not acceptable.
fn password(form: &Form, old: &RoomConfig) -> Result<Option<Box<str>>, StanzaError> {
    let secret = form.text("muc#roomconfig_roomsecret");
    if secret
        .as_ref()
        .is_some_and(|one| one.len() > ROOM_TEXT_BYTES_MAX)
    {
        return not_acceptable();
    }
    let secret: Option<Box<str>> = match secret {
        Some(secret) if secret.is_empty() => None,
        Some(secret) => Some(secret.into()),
        None => old.password.clone(),
    };
    match form.boolean("muc#roomconfig_passwordprotectedroom")? {
        Some(true) if secret.is_none() => not_acceptable(),
        Some(false) => Ok(None),
        Some(true) | None => Ok(secret),
    }
}

fn roles(form: &Form, name: &str, old: u8) -> Result<u8, StanzaError> {
    let name = ["muc#roomconfig_", name].concat();
    if form.field(&name).is_none() {
        return Ok(old);
    }
    let mut bits = 0;
    for value in form.values(&name) {
        let role = ROLES.iter().find(|(_, role)| *role == value);
        match role {
            Some((bit, _)) => bits |= bit,
            None if value == "none" => {}
            None => return not_acceptable(),
        }
    }
    Ok(bits)
}

/// The addresses in a field; `None`: the form does not speak of them.
pub(super) fn addresses(form: &Form, name: &str) -> Result<Option<Vec<BareJid>>, StanzaError> {
    if form.field(name).is_none() {
        return Ok(None);
    }
    let all = form.values(name).filter(|value| !value.trim().is_empty());
    all.map(|value| {
        crate::base::jid::Jid::parse(value.trim())
            .map(|jid| jid.to_bare().to_compact())
            .map_err(|_| StanzaError::new(Condition::JidMalformed))
    })
    .collect::<Result<Vec<_>, _>>()
    .map(Some)
}

fn not_acceptable<T>() -> Result<T, StanzaError> {
    Err(StanzaError::new(Condition::NotAcceptable))
}
