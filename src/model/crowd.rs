//! Who is in a room: what a volatile change makes of it.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::base::jid::FullJid;
use crate::base::limits::ROOM_RELAYED_MAX;
use crate::model::position::Position;
use crate::model::room::Occupant;
use crate::model::room::OccupantDevice;
use crate::model::room::Relayed;
use crate::model::room::Room;
use crate::model::room::RoomChange;
use crate::model::room::Shown;

impl Room {
    /// Applies a volatile change.
    pub(crate) fn apply(&mut self, at: Position, change: &RoomChange) {
        match change {
            RoomChange::Say { .. } => {}
            RoomChange::Ask { .. } | RoomChange::Reply { .. } => self.apply_relay(change),
            RoomChange::Join { .. } => self.apply_join(at, change),
            RoomChange::Show {
                nick, jid, shown, ..
            } => {
                if let Some(occupant) = self.occupants.get_mut(nick)
                    && let Some(device) = Arc::make_mut(occupant).devices.get_mut(jid)
                {
                    device.shown = Arc::clone(shown);
                    device.said = at;
                }
            }
            RoomChange::Rename { nick, new, shown } => {
                if let Some(occupant) = self.occupants.remove(nick) {
                    for jid in occupant.devices.keys() {
                        self.nicks.insert(jid.clone(), Arc::clone(new));
                    }
                    self.occupants.insert(Arc::clone(new), occupant);
                    self.show(new, shown);
                }
            }
            RoomChange::Rights { changed, .. } => {
                for one in changed {
                    if let Some(occupant) = self.occupants.get_mut(&one.nick) {
                        Arc::make_mut(occupant).role = one.role;
                    }
                    self.show(&one.nick, &one.shown);
                }
            }
            RoomChange::Hush { nick, silenced } => {
                if let Some(occupant) = self.occupants.get_mut(nick) {
                    Arc::make_mut(occupant).silenced = Arc::clone(silenced);
                }
            }
            RoomChange::Leave { nick, jid, .. } => self.take_out(nick, jid),
            RoomChange::Remove { removed, .. } => {
                for one in removed {
                    for jid in &one.devices {
                        self.take_out(&one.nick, jid);
                    }
                }
            }
            RoomChange::Destroy { .. } => {
                self.occupants.clear();
                self.nicks.clear();
            }
        }
    }

    fn apply_join(&mut self, at: Position, change: &RoomChange) {
        let RoomChange::Join {
            nick,
            jid,
            session,
            occupant_id,
            silenced,
            role,
            shown,
            ..
        } = change
        else {
            return;
        };
        let occupant = self.occupants.entry(Arc::clone(nick)).or_insert_with(|| {
            Arc::new(Occupant {
                user: jid.bare().to_compact(),
                id: Arc::clone(occupant_id),
                role: *role,
                silenced: Arc::clone(silenced),
                devices: BTreeMap::new(),
            })
        });
        let device = OccupantDevice {
            session: *session,
            shown: Arc::clone(shown),
            said: at,
            asked: VecDeque::new(),
        };
        let occupant = Arc::make_mut(occupant);
        occupant.devices.insert(jid.clone(), device);
        self.nicks.insert(jid.clone(), Arc::clone(nick));
    }

    fn apply_relay(&mut self, change: &RoomChange) {
        match change {
            RoomChange::Ask { to, relayed, .. } => {
                if let Some(device) = self.device_mut(to) {
                    if device.asked.len() >= ROOM_RELAYED_MAX {
                        device.asked.pop_front();
                    }
                    device.asked.push_back(Arc::clone(relayed));
                }
            }
            RoomChange::Reply { stanza, from, to } => {
                if let Some(device) = self.device_mut(from) {
                    let id = stanza.id.as_deref();
                    let is_it = |one: &Relayed| one.asker == *to && Some(&*one.id) == id;
                    device.asked.retain(|one| !is_it(one));
                }
            }
            _ => {}
        }
    }

    fn show(&mut self, nick: &Arc<str>, shown: &[(FullJid, Arc<Shown>)]) {
        let Some(occupant) = self.occupants.get_mut(nick) else {
            return;
        };
        let occupant = Arc::make_mut(occupant);
        for (jid, shown) in shown {
            if let Some(device) = occupant.devices.get_mut(jid) {
                device.shown = Arc::clone(shown);
            }
        }
    }

    fn device_mut(&mut self, jid: &FullJid) -> Option<&mut OccupantDevice> {
        let occupant = self.occupants.get_mut(self.nicks.get(jid)?)?;
        Arc::make_mut(occupant).devices.get_mut(jid)
    }

    fn take_out(&mut self, nick: &Arc<str>, jid: &FullJid) {
        self.nicks.remove(jid);
        let Some(occupant) = self.occupants.get_mut(nick) else {
            return;
        };
        let occupant = Arc::make_mut(occupant);
        occupant.devices.remove(jid);
        if occupant.devices.is_empty() {
            self.occupants.remove(nick);
        }
    }
}
