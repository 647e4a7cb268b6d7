//! Addresses of files: `URL/upload/SEALED/NAME`, and for PUT what was agreed on, with its signature, behind them.

use crate::base::percent;
use crate::effect::settings::Upload;
use crate::model::file::FileKeys;
use crate::model::file::Slot;
use crate::model::file::SlotMac;
use crate::model::file::parse_hex;
use crate::model::file::to_hex;
use crate::upload::content::essence;

/// The first part of the path.
pub(crate) const PATH: &str = "upload";

pub(super) fn get_url(upload: &Upload, sealed: &str, name: &str) -> String {
    format!("{}/{PATH}/{sealed}/{}", upload.url, percent::encode(name))
}

pub(super) fn put_url(get_url: &str, slot: &Slot, mac: &SlotMac) -> String {
    let (bytes, until, mac) = (slot.bytes, slot.until, to_hex(mac));
    let mut url = format!("{get_url}?size={bytes}&until={until}&mac={mac}");
    if let Some(content_type) = &slot.content_type {
        url.push_str("&type=");
        url.push_str(&percent::encode(content_type));
    }
    url
}

/// What a PUT says that it may. The signature is checked where the account is known. `None`: it is no slot.
pub(crate) fn parse_put(
    keys: &FileKeys,
    domain: &str,
    (sealed, name): (&str, &str),
    query: &str,
) -> Option<(Slot, SlotMac)> {
    let place = keys.open(sealed, domain)?;
    let value = |key: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let content_type = match value("type") {
        Some(text) => Some(essence(&percent::decode(text)?)?.into()),
        None => None,
    };
    let slot = Slot {
        place,
        name: name.into(),
        content_type,
        bytes: value("size")?.parse().ok()?,
        until: value("until")?.parse().ok()?,
    };
    Some((slot, parse_hex(value("mac")?)?))
}
