//! Configuring a room: the first time, which opens it, and later (XEP-0045 sections 10.1 and 10.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::limits::ROOM_ITEMS_MAX;
use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::room::Affiliation;
use crate::model::room::Hearers;
use crate::model::room::RoomChange;
use crate::model::room::RoomRow;
use crate::model::room::Why;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::affiliate;
use crate::muc::affiliate::Wish;
use crate::muc::destroy;
use crate::muc::form;
use crate::muc::greet;
use crate::muc::notify;
use crate::muc::setting;
use crate::muc::visit::Visit;
use crate::stanza::Condition;
use crate::stanza::IqType;
use crate::stanza::Kind;
use crate::stanza::MessageType;
use crate::stanza::StanzaError;
use crate::stanza::form::Form;
use crate::stanza::form::FormKind;
use crate::stanza::ns;
use crate::xml::Node;
use crate::xml::Writer;

/// A request in the namespace of owners.
pub(super) fn evaluate(visit: &Visit<'_>, query: Node<'_>) -> Result<Proposal, Stop> {
    let row = visit.must_own()?;
    if visit.request.stanza.kind == Kind::Iq(IqType::Get) {
        return Ok(ask(visit));
    }
    if let Some(element) = query.child("destroy", ns::MUC_OWNER) {
        return destroy::evaluate(visit, row, element);
    }
    let Some(form) = Form::parse_in(query)? else {
        return Err(StanzaError::new(Condition::BadRequest).into());
    };
    match form.kind {
        FormKind::Cancel if row.locked => Ok(destroy::all(visit, row, Arc::new([]))),
        FormKind::Cancel => Ok(Proposal::answer(visit.done())),
        FormKind::Submit => submit(visit, row, &form),
        FormKind::Form | FormKind::Result => Err(StanzaError::new(Condition::BadRequest).into()),
    }
}

fn ask(visit: &Visit<'_>) -> Proposal {
    let limit = visit.view.settings.limits.occupants_max;
    let mut writer = Writer::new();
    writer.start_ns("query", ns::MUC_OWNER);
    let form = form::filled(visit, &visit.config(), limit);
    setting::filled(form, visit.room).write(&mut writer);
    let stanza = &visit.request.stanza;
    Proposal::answer(stanza.result(&visit.request.from, writer.finish()))
}

fn submit(visit: &Visit<'_>, row: RoomRow, form: &Form) -> Result<Proposal, Stop> {
    if form.form_type().is_some_and(|one| one != ns::MUC_CONFIG) {
        return Err(StanzaError::new(Condition::BadRequest).into());
    }
    let old = visit.config();
    let config = form::submitted(form, &old)?;
    let mut proposal = visit.propose();
    if row.locked {
        let row = RoomRow {
            locked: false,
            ..row
        };
        proposal = proposal.row(visit.record(), RowName::Room, Some(Row::Room { row }));
    }
    if config != *old {
        let config = Row::RoomConfig {
            config: Arc::new(config.clone()),
        };
        proposal = proposal.row(visit.record(), RowName::RoomConfig, Some(config));
    }
    let before = proposal.ops.len();
    proposal = setting::submit(visit, form, proposal)?;
    if proposal.ops.len() > before && config == *old {
        // Section 10.2.1; a changed configuration tells of itself.
        let told = notify::codes_message(&visit.jid, MessageType::Groupchat, &[104]);
        proposal = proposal.op(visit.change(RoomChange::Say {
            stanza: Arc::new(told),
            to: Hearers::All,
        }));
    }
    let wishes = wishes(visit, form)?;
    if wishes.len() > ROOM_ITEMS_MAX {
        return Err(StanzaError::new(Condition::ResourceConstraint).into());
    }
    proposal = affiliate::apply(visit, &config, &wishes, proposal)?;
    proposal = greet::propose(visit, &config, &wishes, proposal)?;
    if config.members_only && !old.members_only {
        proposal = without_strangers(visit, &wishes, proposal);
    }
    Ok(proposal.and_answer(visit.done()))
}

/// The lists of owners and admins in the form are whole lists. Whoever is not in them any more, and
/// was, is a stranger again.
fn wishes(visit: &Visit<'_>, form: &Form) -> Result<Vec<Wish>, StanzaError> {
    let lists = [
        (Affiliation::Admin, "muc#roomconfig_roomadmins"),
        (Affiliation::Owner, "muc#roomconfig_roomowners"),
    ];
    // Of two mentions the greater holds: the later list.
    let mut wished: BTreeMap<BareJid, Affiliation> = BTreeMap::new();
    for (affiliation, name) in lists {
        let Some(listed) = form::addresses(form, name)? else {
            continue;
        };
        for (user, row) in visit.affiliations() {
            if row.affiliation == affiliation {
                wished.entry(user.clone()).or_insert(Affiliation::None);
            }
        }
        wished.extend(listed.into_iter().map(|user| (user, affiliation)));
    }
    let changed = wished
        .into_iter()
        .filter(|(user, affiliation)| visit.affiliation_of(user) != *affiliation);
    Ok(changed
        .map(|(user, affiliation)| Wish {
            user,
            affiliation,
            nick: None,
            reason: None,
        })
        .collect())
}

/// Section 10.2: whoever is no member has to go when the room becomes members-only.
fn without_strangers(visit: &Visit<'_>, wishes: &[Wish], proposal: Proposal) -> Proposal {
    let is_stranger = |user: &BareJid| {
        let wished = wishes.iter().find(|wish| wish.user == *user);
        // Those whose affiliation changes now are removed for that.
        wished.is_none() && visit.affiliation_of(user) < Affiliation::Member
    };
    let removed: Vec<_> = visit
        .room
        .occupants
        .iter()
        .filter(|(_, occupant)| is_stranger(&occupant.user))
        .map(|(nick, occupant)| affiliate::removal(nick, occupant))
        .collect();
    if removed.is_empty() {
        return proposal;
    }
    let why = Why {
        codes: vec![322],
        ..Why::default()
    };
    proposal.op(visit.change(RoomChange::Remove { removed, why }))
}
