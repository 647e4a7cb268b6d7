//! When something was said, if it arrives later (XEP-0203).

use crate::base::time::Timestamp;
use crate::stanza::ns;
use crate::xml::Writer;

/// The element `<delay/>` for `stamp`; `from` is who kept the stanza back.
pub(crate) fn write(writer: &mut Writer, stamp: Timestamp, from: Option<&str>) {
    writer
        .start_ns("delay", ns::DELAY)
        .attr_opt("from", from)
        .attr("stamp", &stamp.to_xep0082())
        .end();
}

/// The bytes of [`write`].
pub(crate) fn to_bytes(stamp: Timestamp, from: Option<&str>) -> Vec<u8> {
    let mut writer = Writer::new();
    write(&mut writer, stamp, from);
    writer.finish()
}
