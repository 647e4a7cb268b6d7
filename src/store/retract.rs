//! A message that is taken back becomes a tombstone in every archive that has it.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::ReadableTable as _;

use crate::base::ids::Incarnation;
use crate::base::room_limits::RETRACTED_LOOKED_AT_MAX;
use crate::effect::records::record_of;
use crate::model::copies::Copy;
use crate::model::epochs::Relation;
use crate::model::message::Message;
use crate::model::message::Place;
use crate::model::position::Position;
use crate::model::retraction::Retraction;
use crate::store::apply::Apply;
use crate::store::changes::Changes;
use crate::store::changes::NewMessage;
use crate::store::error::StoreError;
use crate::store::key::PlaceKey;
use crate::store::key::place_key;
use crate::store::key::place_position;
use crate::store::schema;
use crate::store::schema::PlaceValue;
use crate::store::schema::WithHash;

impl Apply<'_, '_> {
    /// The message under all its ids. `at`: where it is taken back; what another branch has said
    /// meanwhile cannot be meant.
    pub(super) fn apply_retraction(
        &mut self,
        at: Position,
        retraction: &Retraction,
        places: &[Place],
    ) -> Result<(), StoreError> {
        let named = match retraction.position() {
            Some(named) => Some(named),
            None => self.find_sent(at, retraction, places)?,
        };
        let Some(named) = named.filter(|named| self.is_before(*named, at)) else {
            return Ok(());
        };
        let Some(message) = self.changes.message(named)? else {
            return Ok(());
        };
        let is_there = |place: &Place| {
            let mut known = message.places.iter();
            known.any(|(archive, _)| *archive == place.incarnation)
        };
        if !places.iter().any(is_there) || !retraction.is_allowed(&message.message) {
            return Ok(());
        }
        self.changes
            .put_tombstone(named, &retraction.bury(&message.message))?;
        for place in places {
            let copies = self.changes.aliases(&record_of(&place.owner))?;
            for other in copies.same(named) {
                if let Some(message) = self.changes.message(other)?.filter(|_| other != named) {
                    let tombstone = retraction.bury(&message.message);
                    self.changes.put_tombstone(other, &tombstone)?;
                }
            }
        }
        Ok(())
    }

    fn is_before(&self, position: Position, at: Position) -> bool {
        self.epochs.relation(position, at) == Relation::Later
    }

    /// The last of the messages that may be meant, of those that came before. Only so many of an archive
    /// are looked at.
    fn find_sent(
        &self,
        at: Position,
        retraction: &Retraction,
        places: &[Place],
    ) -> Result<Option<Position>, StoreError> {
        let mut found = None;
        for place in places {
            let with = WithHash::new(&place.with).bare;
            let newest = self.changes.newest_places(place.incarnation, at)?;
            for (position, value) in newest.into_iter().rev() {
                let is_before = self.is_before(position, at);
                if Some(position) <= found || !is_before || value.with.bare != with {
                    continue;
                }
                let message = self.changes.message(position)?;
                if message.is_some_and(|one| retraction.covers(position, &one.message)) {
                    found = Some(position);
                    break;
                }
            }
        }
        Ok(found)
    }
}

impl Changes<'_> {
    /// A message as it stands, with its places.
    pub(super) fn message(&self, position: Position) -> Result<Option<NewMessage>, StoreError> {
        if let Some(message) = self.messages.get(&position) {
            return Ok(message.clone());
        }
        let Some(value) = self.tables.messages.get(&position.to_bytes())? else {
            return Ok(None);
        };
        let places = schema::read_places(value.value())?;
        let (stamp, message) = schema::read_message(value.value())?;
        Ok(Some(NewMessage {
            message: Arc::new(message),
            stamp,
            places,
        }))
    }

    /// The newest messages of an archive that stand before a position.
    fn newest_places(
        &self,
        archive: Incarnation,
        before: Position,
    ) -> Result<BTreeMap<Position, PlaceValue>, StoreError> {
        let (low, high) = (
            place_key(archive, Position::ZERO),
            place_key(archive, before),
        );
        let mut newest = BTreeMap::new();
        let rows = self.tables.places.range::<&PlaceKey>(&low..&high)?;
        for row in rows.rev().take(RETRACTED_LOOKED_AT_MAX) {
            let (key, value) = row?;
            let value = PlaceValue::from_bytes(*value.value());
            newest.insert(place_position(key.value()), value);
        }
        for (key, place) in self.places.range(low..high) {
            match place {
                Some(place) => newest.insert(place_position(key), *place),
                None => newest.remove(&place_position(key)),
            };
        }
        while newest.len() > RETRACTED_LOOKED_AT_MAX {
            newest.pop_first();
        }
        Ok(newest)
    }

    /// Writes a tombstone over a message, unless an earlier one is there.
    fn put_tombstone(&mut self, at: Position, tombstone: &Message) -> Result<(), StoreError> {
        let Some(old) = self.message(at)? else {
            return Ok(());
        };
        let mut is_retracted = false;
        for (archive, _) in &old.places {
            let place = self.place(*archive, at)?;
            is_retracted |= place.is_some_and(|place| place.is_retracted);
        }
        // The time stands first in what is compared.
        if is_retracted && old.message.payload <= tombstone.payload {
            return Ok(());
        }
        let bytes = schema::size(tombstone);
        for (archive, _) in &old.places {
            let Some(place) = self.place(*archive, at)? else {
                continue;
            };
            if let Some(sums) = self.archive_mut(*archive, None)? {
                let others = sums.bytes.saturating_sub(place.bytes.into());
                sums.bytes = others.saturating_add(bytes.into());
            }
            let place = PlaceValue {
                is_retracted: true,
                bytes,
                ..place
            };
            self.places.insert(place_key(*archive, at), Some(place));
        }
        let new = NewMessage {
            message: Arc::new(tombstone.clone()),
            ..old
        };
        self.messages.insert(at, Some(new));
        Ok(())
    }

    /// Two messages are known to be one: if either was taken back, both are.
    pub(super) fn share_tombstone(
        &mut self,
        archive: Incarnation,
        copy: Copy,
    ) -> Result<(), StoreError> {
        for (from, to) in [(copy.entry, copy.alias), (copy.alias, copy.entry)] {
            let place = self.place(archive, from)?;
            if place.is_none_or(|place| !place.is_retracted) {
                continue;
            }
            if let (Some(buried), Some(other)) = (self.message(from)?, self.message(to)?) {
                let tombstone = Message {
                    payload: Arc::clone(&buried.message.payload),
                    ..other.message.as_ref().clone()
                };
                self.put_tombstone(to, &tombstone)?;
            }
        }
        Ok(())
    }
}
