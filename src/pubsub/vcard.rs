//! One picture, in both places (XEP-0398): what is published with XEP-0084 is the photo of the vCard, and the other way round.
//!
//! The picture is stored once, in its node; a vCard is given out with it, and taken in without.

use std::sync::Arc;

use base64ct::Base64;
use base64ct::Encoding as _;
use ring::digest;

use crate::effect::proposal::Proposal;
use crate::effect::proposal::Stop;
use crate::model::pubsub;
use crate::model::pubsub::Access;
use crate::model::pubsub::NodeConfig;
use crate::model::row::Row;
use crate::model::row::RowName;
use crate::pubsub::avatar;
use crate::pubsub::config;
use crate::pubsub::error::full;
use crate::pubsub::host::Host;
use crate::pubsub::nodes;
use crate::pubsub::publish;
use crate::pubsub::publish::Fresh;
use crate::pubsub::visit::Visit;
use crate::stanza::ns;
use crate::xml::Element;
use crate::xml::Node;
use crate::xml::Writer;

/// XEP-0084: the picture itself.
const DATA: &str = "urn:xmpp:avatar:data";

/// XEP-0084 section 4.2.1: what every picture is that says nothing else.
const PNG: &str = "image/png";

/// A picture as a vCard has it.
struct Photo {
    kind: Box<str>,
    /// Base64, without white space.
    text: String,
}

impl Photo {
    fn parse(vcard: Node<'_>) -> Option<Self> {
        let photo = vcard.child("PHOTO", ns::VCARD)?;
        let text = photo.child_text("BINVAL", ns::VCARD)?;
        let text: String = text.split_ascii_whitespace().collect();
        let kind = photo.child_text("TYPE", ns::VCARD);
        (!text.is_empty()).then(|| Self {
            kind: kind.map_or_else(|| PNG.into(), |kind| Box::from(&*kind)),
            text,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.start("PHOTO");
        writer.leaf("TYPE", &self.kind).leaf("BINVAL", &self.text);
        writer.end();
    }
}

/// The vCard with the picture of the node; `None`: there is none, or not for who asks.
pub(super) fn read(visit: &Visit<'_>) -> Option<Result<Proposal, Stop>> {
    let host = &visit.host;
    let hash = avatar::hash(host.account?)?;
    let photo = match published(visit, hash) {
        Ok(photo) => photo?,
        Err(stop) => return Some(Err(stop)),
    };
    let stored = host.account?.bytes(&RowName::VCard);
    let stored = stored.and_then(|bytes| Element::parse(bytes).ok());
    Some(Ok(Proposal::answer(visit.result(|writer| {
        writer.start_ns("vCard", ns::VCARD);
        if let Some(stored) = &stored {
            let is_photo = |child: Node<'_>| child.is("PHOTO", ns::VCARD);
            writer.raw(&stored.root().inner_without(is_photo));
        }
        photo.write(writer);
        writer.end();
    }))))
}

/// The picture that the metadata name, if whoever asks may read both nodes.
fn published(visit: &Visit<'_>, hash: &str) -> Result<Option<Photo>, Stop> {
    let host = &visit.host;
    if !host.has(DATA) || !host.has(ns::AVATAR_METADATA) {
        return Ok(None);
    }
    let metadata = host.place(ns::AVATAR_METADATA)?;
    let picture = host.place(DATA)?;
    for place in [&metadata, &picture] {
        if place.check_access(&visit.user).is_err() {
            return Ok(None);
        }
    }
    let parsed = |place: &crate::pubsub::host::Place<'_>| {
        let item = pubsub::item(place.leaf, hash)?;
        Element::parse(&item.payload).ok()
    };
    let (Some(metadata), Some(picture)) = (parsed(&metadata), parsed(&picture)) else {
        return Ok(None);
    };
    // The one that is not elsewhere (XEP-0398 section 3).
    let mut infos = metadata.root().children();
    let own = infos.find(|one| one.name() == "info" && one.attr("url").is_none());
    let kind = own.and_then(|one| one.attr("type"));
    Ok(Some(Photo {
        kind: kind.map_or_else(|| PNG.into(), |kind| Box::from(&*kind)),
        text: picture.root().text().split_ascii_whitespace().collect(),
    }))
}

/// A vCard is stored: its picture goes into the nodes, or is taken out of them. `None`: neither.
pub(super) fn write(visit: &Visit<'_>) -> Option<Result<Proposal, Stop>> {
    let account = visit.host.account?;
    let old = avatar::hash(account);
    let Some(photo) = Photo::parse(visit.query) else {
        return old.map(|_| store(visit, None));
    };
    // What is no picture is stored as it is.
    let bytes = Base64::decode_vec(&photo.text).ok()?;
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let hash: String = hash.as_ref().iter().map(|byte| hex(*byte)).collect();
    Some(store(visit, Some((&photo, &hash, bytes.len()))))
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

fn store(visit: &Visit<'_>, picture: Option<(&Photo, &str, usize)>) -> Result<Proposal, Stop> {
    let host = &visit.host;
    let mut proposal = Proposal::nothing();
    let old = host.account.and_then(avatar::hash);
    match picture {
        Some((_, hash, _)) if old == Some(hash) => {}
        Some((photo, hash, count)) => {
            let mut writer = Writer::new();
            writer.start_ns("data", DATA).text(&photo.text).end();
            proposal = proposal.and(put(visit, DATA, hash, writer.finish())?);
            let mut writer = Writer::new();
            writer
                .start_ns("metadata", ns::AVATAR_METADATA)
                .start("info")
                .attr("id", hash)
                .attr("bytes", &count.to_string())
                .attr("type", &photo.kind)
                .end()
                .end();
            proposal = proposal.and(put(visit, ns::AVATAR_METADATA, hash, writer.finish())?);
        }
        None => {
            // XEP-0084 section 4.2.4.
            let mut writer = Writer::new();
            writer.empty_ns("metadata", ns::AVATAR_METADATA);
            proposal = proposal.and(put(visit, ns::AVATAR_METADATA, "none", writer.finish())?);
        }
    }
    let is_photo = |child: Node<'_>| child.is("PHOTO", ns::VCARD);
    let rest = visit.query.inner_without(is_photo);
    if rest.len() > host.view.settings.limits.private_bytes_max / 4 {
        return Err(full("the vCard has reached its limit").into());
    }
    let row = (!rest.is_empty()).then(|| {
        let mut writer = Writer::new();
        writer.start_ns("vCard", ns::VCARD).raw(&rest).end();
        Row::Bytes {
            bytes: writer.finish().into(),
        }
    });
    Ok(proposal
        .row(host.record(), RowName::VCard, row)
        .and_answer(visit.done()))
}

/// One item of a node that is made if need be, for everybody: so is a vCard.
fn put(visit: &Visit<'_>, node: &str, id: &str, payload: Vec<u8>) -> Result<Proposal, Stop> {
    let host: &Host<'_> = &visit.host;
    let made;
    let mut proposal = Proposal::nothing();
    let place = if host.has(node) {
        host.place(node)?
    } else {
        let config = NodeConfig {
            access: Access::Open,
            ..config::first(true)
        };
        let (row, first) = nodes::make(visit, node, config)?;
        proposal = first;
        made = row;
        host.place_of(node, &made)?
    };
    let fresh = [Fresh {
        id: id.into(),
        payload: Arc::from(payload),
    }];
    proposal = proposal.and(place.propose());
    proposal = proposal.and(publish::ops(&place, &visit.request.from.to_jid(), &fresh)?);
    proposal.ops.extend(avatar::follow(host, node, &fresh));
    Ok(proposal)
}
