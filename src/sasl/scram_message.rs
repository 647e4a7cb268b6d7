//! The messages of SCRAM that a server reads (RFC 5802 section 7), parsed strictly.
//!
//! The grammar leaves no freedom that a legitimate client needs: attributes stand in fixed order, an
//! extension that must be understood ends the exchange, others are ignored.

use std::str::Split;

use base64ct::Base64;
use base64ct::Encoding;

use crate::sasl::Refusal;

/// What the client says about channel binding (RFC 5802 section 6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BindingFlag<'a> {
    /// `n`: the client has none.
    Unsupported,
    /// `y`: the client has some and believes that we have none.
    NotOffered,
    /// `p=`: the client uses this type.
    Used(&'a str),
}

/// `client-first-message`.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ClientFirst<'a> {
    /// The GS2 header, both commas included: it comes back in the final message.
    pub(crate) header: &'a str,
    pub(crate) flag: BindingFlag<'a>,
    pub(crate) authzid: Option<String>,
    pub(crate) name: String,
    pub(crate) nonce: &'a str,
    /// `client-first-message-bare`: the first part of what both sides sign.
    pub(crate) bare: &'a str,
}

/// `client-final-message`.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct ClientFinal<'a> {
    /// The GS2 header of the first message, followed by the bytes of the binding.
    pub(crate) binding: Vec<u8>,
    pub(crate) nonce: &'a str,
    pub(crate) proof: Vec<u8>,
    /// `client-final-message-without-proof`: the last part of what both sides sign.
    pub(crate) without_proof: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Refusal> {
        let text = text(message)?;
        let (flag, rest) = text.split_once(',').ok_or(Refusal::PeerMalformed)?;
        let (authzid, bare) = rest.split_once(',').ok_or(Refusal::PeerMalformed)?;
        let header = text.strip_suffix(bare).ok_or(Refusal::PeerMalformed)?;

        let authzid = match authzid.strip_prefix("a=") {
            Some(name) => Some(parse_name(name)?),
            None if authzid.is_empty() => None,
            None => return Err(Refusal::PeerMalformed),
        };
        // RFC 5802 section 5.1: `m=` would stand first; whoever does not know it must fail, and
        // it does, since no name begins so.
        let (name, rest) = bare.split_once(',').ok_or(Refusal::PeerMalformed)?;
        let name = parse_name(name.strip_prefix("n=").ok_or(Refusal::PeerMalformed)?)?;
        let mut attributes = rest.split(',');
        let nonce = parse_nonce(attributes.next())?;
        check_extensions(attributes)?;
        Ok(Self {
            header,
            flag: BindingFlag::parse(flag)?,
            authzid,
            name,
            nonce,
            bare,
        })
    }
}

impl<'a> ClientFinal<'a> {
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Refusal> {
        let text = text(message)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Refusal::PeerMalformed)?;
        let mut attributes = without_proof.split(',');
        let binding = attributes
            .next()
            .and_then(|attribute| attribute.strip_prefix("c="))
            .ok_or(Refusal::PeerMalformed)?;
        let nonce = parse_nonce(attributes.next())?;
        check_extensions(attributes)?;
        Ok(Self {
            binding: decode(binding)?,
            nonce,
            proof: decode(proof)?,
            without_proof,
        })
    }
}

impl<'a> BindingFlag<'a> {
    fn parse(text: &'a str) -> Result<Self, Refusal> {
        match text {
            "n" => Ok(Self::Unsupported),
            "y" => Ok(Self::NotOffered),
            _ => match text.strip_prefix("p=") {
                Some(name) if is_binding_name(name) => Ok(Self::Used(name)),
                _ => Err(Refusal::PeerMalformed),
            },
        }
    }
}

fn text(message: &[u8]) -> Result<&str, Refusal> {
    let text = str::from_utf8(message).map_err(|_| Refusal::PeerMalformed)?;
    // NUL is in no production of the grammar.
    if text.contains('\0') {
        return Err(Refusal::PeerMalformed);
    }
    Ok(text)
}

/// `saslname`: a comma is written `=2C`, an equals sign `=3D`; no other `=` may stand in it.
///
/// The result is not prepared: a name is the local part of an address, so the rules of addresses
/// (RFC 7622 section 3.3) hold for it, which replace `SASLprep`.
fn parse_name(text: &str) -> Result<String, Refusal> {
    let mut pieces = text.split('=');
    let mut name = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (char, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(Refusal::PeerMalformed),
        };
        name.push(char);
        name.push_str(rest);
    }
    if name.is_empty() {
        return Err(Refusal::PeerMalformed);
    }
    Ok(name)
}

fn parse_nonce(attribute: Option<&str>) -> Result<&str, Refusal> {
    let nonce = attribute
        .and_then(|attribute| attribute.strip_prefix("r="))
        .ok_or(Refusal::PeerMalformed)?;
    let is_printable = nonce.bytes().all(|byte| byte.is_ascii_graphic());
    if nonce.is_empty() || !is_printable {
        return Err(Refusal::PeerMalformed);
    }
    Ok(nonce)
}

/// Optional extensions are ignored, but they have to look like some: `attr-val`.
fn check_extensions(mut attributes: Split<'_, char>) -> Result<(), Refusal> {
    let is_attribute = |attribute: &str| {
        let mut chars = attribute.chars();
        chars.next().is_some_and(|char| char.is_ascii_alphabetic())
            && chars.next() == Some('=')
            && chars.next().is_some()
    };
    if attributes.all(is_attribute) {
        Ok(())
    } else {
        Err(Refusal::PeerMalformed)
    }
}

/// `cb-name` of RFC 5802 section 7.
fn is_binding_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    !name.is_empty() && name.bytes().all(is_allowed)
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    Base64::decode_vec(text).map_err(|_| Refusal::PeerMalformed)
}
