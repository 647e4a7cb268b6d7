//! Settings of the web door and of what goes through it.

use crate::config::check::Check;
use crate::config::check::is_host;

impl Check<'_> {
    pub(super) fn web_url(&mut self, name: &'static str) -> Option<String> {
        let url = self.text(name)?;
        let url = url.trim_end_matches('/').to_owned();
        let rest = url.strip_prefix("https://");
        let rest = rest
            .or_else(|| url.strip_prefix("http://"))
            .unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        if !is_host(host) || port.parse::<u16>().is_err() || !path.bytes().all(is_plain) {
            let remedy = "write https://HOST, with :PORT and /PATH behind it if need be";
            self.malformed(name, &url, "is no address of the web", remedy);
        }
        Some(url)
    }
}
