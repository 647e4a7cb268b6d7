//! What the occupants of a room get for a committed change, the room being as it was before.

use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::base::jid::FullJid;
use crate::effect::sends::How;
use crate::effect::sends::Sends;
use crate::effect::state::At;
use crate::effect::view::View;
use crate::model::message::Message;
use crate::model::message::Owner;
use crate::model::message::Place;
use crate::model::room::Hearers;
use crate::model::room::Occupant;
use crate::model::room::OccupantDevice;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::room::RoomConfig;
use crate::model::room::RoomRole;
use crate::model::row::RecordKey;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::muc::arrive;
use crate::muc::depart;
use crate::muc::history;
use crate::muc::hush;
use crate::muc::notify;
use crate::muc::user::Who;
use crate::muc::user::sees_addresses;
use crate::muc::user::sees_presence;
use crate::muc::user::who;
use crate::stanza::outgoing::Outgoing;

/// A room with people in it.
pub(super) struct Hall<'a> {
    pub(super) jid: &'a BareJid,
    pub(super) room: &'a Room,
    pub(super) config: Arc<RoomConfig>,
}

/// One version of a presence for those who see addresses and one for the others.
pub(super) struct Versions {
    pub(super) open: Arc<Outgoing>,
    pub(super) hidden: Arc<Outgoing>,
}

/// A kept message to a room: to all occupants, in one order.
pub(crate) fn deliver_message(view: &View<'_>, at: At, place: &Place, sends: &mut Sends) {
    let Owner::Room { jid } = &place.owner else {
        return;
    };
    let Some(room) = view.resident_room(jid) else {
        return;
    };
    let nick = place.with.resource().unwrap_or_default();
    for occupant in room.occupants.values().filter(|one| one.hears(nick)) {
        for device in occupant.devices.values() {
            sends.kept(device.session, at.position, How::Room);
        }
    }
}

/// A kept private message: to the devices that are inside under the nickname. Where there are none
/// any more it waits for the user like any message.
pub(crate) fn deliver_private(view: &View<'_>, at: At, message: &Message, sends: &mut Sends) {
    let occupant = message.to.resource().and_then(|nick| {
        let room = view.resident_room(&message.to.to_bare())?;
        room.occupants.get(nick)
    });
    for device in occupant.iter().flat_map(|one| one.devices.values()) {
        sends.kept(device.session, at.position, How::Direct);
    }
}

pub(crate) fn deliver_change(
    view: &View<'_>,
    jid: &BareJid,
    change: &RoomChange,
    sends: &mut Sends,
) {
    let Some(hall) = Hall::of(view, jid) else {
        return;
    };
    match change {
        RoomChange::Say { stanza, to } => hall.say(stanza, to, sends),
        RoomChange::Ask { stanza, to, .. } | RoomChange::Reply { stanza, to, .. } => {
            hall.tell(to, stanza, sends);
        }
        RoomChange::Join { .. } => arrive::deliver_join(&hall, change, sends),
        RoomChange::Show {
            nick,
            jid,
            shown,
            id,
        } => arrive::deliver_presence(&hall, nick, (jid, id.as_deref()), shown, sends),
        RoomChange::Rename { nick, new, shown } => {
            arrive::deliver_rename(&hall, (nick, new), shown, sends);
        }
        RoomChange::Rights { changed, why } => notify::deliver_rights(&hall, changed, why, sends),
        RoomChange::Hush { nick, silenced } => hush::deliver(&hall, nick, silenced, sends),
        RoomChange::Leave { nick, jid, said } => {
            depart::deliver_leave(&hall, (nick, jid), said, sends);
        }
        RoomChange::Remove { removed, why } => depart::deliver_remove(&hall, removed, why, sends),
        RoomChange::Destroy { notice, .. } => depart::deliver_destroy(&hall, notice, sends),
    }
}

/// Rows of a room that its occupants hear of.
pub(crate) fn deliver_row(
    view: &View<'_>,
    (record, name, row): (&RecordKey, &RowName, Option<&Row>),
    sends: &mut Sends,
) {
    let RecordKey::Room { jid } = record else {
        return;
    };
    match (name, row) {
        (RowName::Subject, Some(Row::Subject { subject })) => {
            if let Some(hall) = Hall::of(view, jid) {
                let stanza = Arc::new(history::as_said(&subject.message));
                hall.say(&stanza, &Hearers::All, sends);
            }
        }
        (RowName::RoomConfig, Some(Row::RoomConfig { config })) => {
            if let Some(hall) = Hall::of(view, jid) {
                notify::deliver_config(&hall, config, sends);
            }
        }
        // XEP-0486 section 3.2.
        (RowName::VCard, _) => {
            if let Some(hall) = Hall::of(view, jid) {
                notify::deliver_codes(&hall, &[104], sends);
            }
        }
        _ => {}
    }
}

impl<'a> Hall<'a> {
    fn of(view: &View<'a>, jid: &'a BareJid) -> Option<Self> {
        let room = view.resident_room(jid)?;
        Some(Self {
            jid,
            room,
            config: room.config().cloned().unwrap_or_default(),
        })
    }

    pub(super) fn devices(
        &self,
    ) -> impl Iterator<Item = (&'a Occupant, &'a FullJid, &'a OccupantDevice)> {
        self.room.occupants.values().flat_map(|occupant| {
            occupant
                .devices
                .iter()
                .map(move |(jid, device)| (occupant.as_ref(), jid, device))
        })
    }

    pub(super) fn who<'b>(&'b self, nick: &'b str, occupant: &'b Occupant) -> Who<'b> {
        who((self.jid, self.room), nick, occupant)
    }

    pub(super) fn sees_addresses(&self, reader: RoomRole) -> bool {
        sees_addresses(&self.config, reader)
    }

    pub(super) fn sees_presence(&self, reader: RoomRole, shown: RoomRole) -> bool {
        sees_presence(&self.config, reader, shown)
    }

    fn say(&self, stanza: &Arc<Outgoing>, to: &Hearers, sends: &mut Sends) {
        let nick = stanza.from.resource().unwrap_or_default();
        match to {
            Hearers::All | Hearers::Moderators => {
                for (occupant, _, device) in self.devices() {
                    let is_for = matches!(to, Hearers::All) || occupant.role == RoomRole::Moderator;
                    if is_for && occupant.hears(nick) {
                        sends.stanza(device.session, stanza);
                    }
                }
            }
            Hearers::Occupant { nick } => {
                let occupant = self.room.occupants.get(nick);
                for device in occupant.iter().flat_map(|one| one.devices.values()) {
                    sends.stanza(device.session, stanza);
                }
            }
        }
    }

    /// To one device, if it is inside.
    pub(super) fn tell(&self, jid: &FullJid, stanza: &Arc<Outgoing>, sends: &mut Sends) {
        if let Some(device) = self.room.device(jid) {
            sends.stanza(device.session, stanza);
        }
    }

    /// To everybody but the user that it is about, as far as they may see it.
    pub(super) fn broadcast(
        &self,
        about: (&str, RoomRole),
        versions: &Versions,
        sends: &mut Sends,
    ) {
        self.broadcast_where(about, versions, sends, |_| true);
    }

    /// To those of them whose nickname `is_for` takes.
    pub(super) fn broadcast_where(
        &self,
        (nick, role): (&str, RoomRole),
        versions: &Versions,
        sends: &mut Sends,
        is_for: impl Fn(&str) -> bool,
    ) {
        for (name, occupant) in &self.room.occupants {
            let is_about = name.as_ref() == nick;
            let sees = occupant.hears(nick) && self.sees_presence(occupant.role, role);
            if is_about || !is_for(name) || !sees {
                continue;
            }
            let stanza = versions.pick(self.sees_addresses(occupant.role));
            for device in occupant.devices.values() {
                sends.stanza(device.session, stanza);
            }
        }
    }
}

impl Versions {
    pub(super) fn pick(&self, open: bool) -> &Arc<Outgoing> {
        if open { &self.open } else { &self.hidden }
    }
}
