//! Preparation of the parts of an address, so that equal addresses are equal bytes.
//!
//! The grammar is that of RFC 7622, the comparison that of its predecessor RFC 3920 (nodeprep, nameprep,
//! resourceprep), which is what other servers and clients compute. Two deliberate differences:
//! resources may hold characters that are newer than Unicode 3.2 (nicknames with emoji are in use), and a
//! part whose preparation is not stable (preparing it again changes it) is refused. `xn--` labels stay as
//! they are: an address has the one spelling or the other, they are not converted.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use stringprep::tables;
use unicode_normalization::UnicodeNormalization as _;

use crate::base::jid::JidError;
use crate::base::limits::DOMAIN_LABEL_MAX;
use crate::base::limits::JID_PART_BYTES_MAX;

/// Prepares a local part.
pub(super) fn local(part: &str) -> Result<Cow<'_, str>, JidError> {
    let prepared = if part.is_ascii() {
        ascii_local(part)?
    } else {
        stable(part, |text| {
            stringprep::nodeprep(text)
                .map(Cow::into_owned)
                .map_err(|_| JidError::Local)
        })?
        .ok_or(JidError::Local)?
        .into()
    };
    within_bounds(prepared, JidError::Local)
}

/// Prepares a domain: a host name, an IPv4 address, or an IPv6 address in brackets.
pub(super) fn domain(part: &str) -> Result<Cow<'_, str>, JidError> {
    // RFC 7622 section 3.2: one final dot is dropped before anything else.
    let part = part.strip_suffix('.').unwrap_or(part);
    if let Some(address) = part.strip_prefix('[') {
        let address = address.strip_suffix(']').ok_or(JidError::Domain)?;
        let address: Ipv6Addr = address.parse().map_err(|_| JidError::Domain)?;
        return Ok(format!("[{address}]").into());
    }
    let prepared = if part.is_ascii() {
        ascii_lowercase(part)
    } else {
        stable(part, |text| {
            stringprep::nameprep(text)
                .map(Cow::into_owned)
                .map_err(|_| JidError::Domain)
        })?
        .ok_or(JidError::Domain)?
        .into()
    };
    if !prepared.split('.').all(is_label) {
        return Err(JidError::Domain);
    }
    within_bounds(prepared, JidError::Domain)
}

/// Prepares a resource.
pub(super) fn resource(part: &str) -> Result<Cow<'_, str>, JidError> {
    let prepared = if part.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Cow::Borrowed(part)
    } else {
        stable(part, resourceprep)?
            .ok_or(JidError::Resource)?
            .into()
    };
    within_bounds(prepared, JidError::Resource)
}

/// Whether a byte may stand in a prepared local part (RFC 7622 section 3.3.1), ASCII only.
pub(super) fn is_local_byte(byte: u8) -> bool {
    let is_visible = matches!(byte, b'!'..=b'~');
    let is_reserved = b"\"&'/:<>@".contains(&byte);
    is_visible && !is_reserved && !byte.is_ascii_uppercase()
}

/// The same as every label being [`is_label`], for ASCII, in one walk over the bytes.
pub(super) fn is_ascii_domain(domain: &[u8]) -> bool {
    let mut length = 0;
    let mut previous = b'.';
    for &byte in domain {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => length += 1,
            b'-' if previous != b'.' => length += 1,
            b'.' if previous != b'.' && previous != b'-' => length = 0,
            _ => return false,
        }
        if length > DOMAIN_LABEL_MAX {
            return false;
        }
        previous = byte;
    }
    !matches!(previous, b'.' | b'-')
}

/// A label without capitals: letters, digits and inner hyphens, or anything beyond ASCII that nameprep let
/// through.
fn is_label(label: &str) -> bool {
    let length = if label.is_ascii() {
        label.len()
    } else {
        label.chars().count()
    };
    let inside = |char: char| match char {
        'a'..='z' | '0'..='9' | '-' => true,
        // The ideographic full stop: IDNA reads it as a dot, nameprep keeps it.
        '\u{3002}' => false,
        _ => !char.is_ascii(),
    };
    (1..=DOMAIN_LABEL_MAX).contains(&length)
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(inside)
}

fn ascii_local(part: &str) -> Result<Cow<'_, str>, JidError> {
    let part = ascii_lowercase(part);
    if part.bytes().all(is_local_byte) {
        Ok(part)
    } else {
        Err(JidError::Local)
    }
}

fn ascii_lowercase(part: &str) -> Cow<'_, str> {
    if part.bytes().any(|byte| byte.is_ascii_uppercase()) {
        part.to_ascii_lowercase().into()
    } else {
        part.into()
    }
}

fn within_bounds(part: Cow<'_, str>, error: JidError) -> Result<Cow<'_, str>, JidError> {
    match part.len() {
        0 => Err(error),
        1..=JID_PART_BYTES_MAX => Ok(part),
        _ => Err(JidError::TooLong),
    }
}

/// Prepares twice; `None` if the second time changes the text once more.
fn stable(
    text: &str,
    prepare: impl Fn(&str) -> Result<String, JidError>,
) -> Result<Option<String>, JidError> {
    // Preparation makes a text at most this many times longer (one character becomes eighteen).
    if text.len() > JID_PART_BYTES_MAX * 4 {
        return Err(JidError::TooLong);
    }
    let once = prepare(text)?;
    let twice = prepare(&once)?;
    Ok((once == twice).then_some(once))
}

/// RFC 3920 appendix B, with unassigned characters allowed (RFC 3454 section 7 calls that a query string).
fn resourceprep(text: &str) -> Result<String, JidError> {
    let prepared: String = text
        .chars()
        .filter(|&char| !tables::commonly_mapped_to_nothing(char))
        .nfkc()
        .collect();
    if prepared.chars().any(is_prohibited) || !is_bidi_allowed(&prepared) {
        return Err(JidError::Resource);
    }
    Ok(prepared)
}

fn is_prohibited(char: char) -> bool {
    tables::non_ascii_space_character(char)
        || tables::ascii_control_character(char)
        || tables::non_ascii_control_character(char)
        || tables::private_use(char)
        || tables::non_character_code_point(char)
        || tables::inappropriate_for_plain_text(char)
        || tables::inappropriate_for_canonical_representation(char)
        || tables::change_display_properties_or_deprecated(char)
        || tables::tagging_character(char)
}

/// RFC 3454 section 6: text from right to left stays unmixed and fills both ends.
fn is_bidi_allowed(text: &str) -> bool {
    if !text.chars().any(tables::bidi_r_or_al) {
        return true;
    }
    !text.chars().any(tables::bidi_l)
        && text.chars().next().is_some_and(tables::bidi_r_or_al)
        && text.chars().next_back().is_some_and(tables::bidi_r_or_al)
}
