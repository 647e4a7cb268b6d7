//! Where clients that cannot look into DNS find this server (XEP-0156, RFC 6415).

use crate::http::Reply;
use crate::web::route::BOSH_PATH;
use crate::web::route::WEBSOCKET_PATH;
use crate::xml::Writer;

const NS_XRD: &str = "http://docs.oasis-open.org/ns/xri/xrd-1.0";
const REL_WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";
const REL_BOSH: &str = "urn:xmpp:alt-connections:xbosh";

/// `base` is the public URL: `https://chat.example.org`.
pub(crate) fn xml(base: &str) -> Reply {
    let mut writer = Writer::new();
    writer.start("XRD").attr("xmlns", NS_XRD);
    for (rel, href) in links(base) {
        writer
            .start("Link")
            .attr("rel", rel)
            .attr("href", &href)
            .end();
    }
    let mut body = b"<?xml version='1.0' encoding='utf-8'?>\n".to_vec();
    body.extend_from_slice(&writer.finish());
    // XEP-0156 section 3: pages from everywhere read it.
    Reply::whole("application/xrd+xml", body).for_every_origin()
}

pub(crate) fn json(base: &str) -> Reply {
    let links = links(base).map(|(rel, href)| {
        // A URL of the settings or of a checked host: nothing in it needs an escape.
        format!("{{\"rel\":\"{rel}\",\"href\":\"{href}\"}}")
    });
    let body = format!("{{\"links\":[{}]}}", links.join(","));
    Reply::whole("application/json", body.into_bytes()).for_every_origin()
}

fn links(base: &str) -> [(&'static str, String); 2] {
    // wss for https, ws for http.
    let socket = base.strip_prefix("http").unwrap_or_default();
    [
        (REL_WEBSOCKET, format!("ws{socket}/{WEBSOCKET_PATH}")),
        (REL_BOSH, format!("{base}/{BOSH_PATH}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_both_doors() {
        let text = |reply: Reply| String::from_utf8(reply.body).unwrap();
        let xml = text(xml("https://chat.example.org"));
        assert!(
            xml.contains("href='wss://chat.example.org/xmpp-websocket'")
                || xml.contains("href=\"wss://chat.example.org/xmpp-websocket\""),
            "{xml}"
        );
        let json = text(json("http://127.0.0.1:5280"));
        assert_eq!(
            json,
            "{\"links\":[{\"rel\":\"urn:xmpp:alt-connections:websocket\",\
             \"href\":\"ws://127.0.0.1:5280/xmpp-websocket\"},\
             {\"rel\":\"urn:xmpp:alt-connections:xbosh\",\"href\":\"http://127.0.0.1:5280/http-bind\"}]}"
        );
    }
}
