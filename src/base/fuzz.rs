//! What must hold for any address, as a function that a fuzzer calls: `Err` names the promise that was broken.

use crate::base::jid::Jid;
use crate::base::limits::JID_PART_BYTES_MAX;

/// An address that was accepted is accepted again, unchanged, whole and from its parts.
pub(crate) fn check_address(input: &[u8]) -> Result<(), &'static str> {
    let Ok(text) = std::str::from_utf8(input) else {
        return Ok(());
    };
    let Ok(jid) = Jid::parse(text) else {
        return Ok(());
    };
    if Jid::parse(jid.as_str()).as_ref() != Ok(&jid) {
        return Err("preparing again changes the address");
    }
    let (local, domain, resource) = (jid.local(), jid.domain(), jid.resource());
    if Jid::from_parts(local, domain, resource).as_ref() != Ok(&jid) {
        return Err("the parts do not make the address");
    }
    let parts = [local.unwrap_or("-"), domain, resource.unwrap_or("-")];
    if parts
        .iter()
        .any(|part| part.is_empty() || part.len() > JID_PART_BYTES_MAX)
    {
        return Err("a part is empty or too long");
    }
    let bare = jid.to_bare();
    let again = match resource {
        Some(resource) => bare.with_resource(resource).map(Jid::from),
        None => Ok(bare.to_jid()),
    };
    if again.as_ref() != Ok(&jid) || bare.as_str() != jid.bare_str() {
        return Err("the bare address is another one");
    }
    Ok(())
}
