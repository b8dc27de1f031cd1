//! Where the admin API of a node is, and where its token lies.

use std::path::PathBuf;

use caldera_api::admin::TOKEN_FILE;
use http::Uri;

use crate::{
    admin::{AdminSpec, Note},
    paths,
    rpc::Endpoint,
};

/// Where an admin API is, as far as somebody said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminPlace {
    /// `http://host:port`.
    pub url: Option<String>,
    /// File of the token.
    pub token_file: Option<PathBuf>,
    /// The node's data folder, in which the token lies.
    pub data: Option<PathBuf>,
}

impl AdminPlace {
    /// The URL and the token's file. What nobody said comes from the note that the node at `rpc` left, else from where things
    /// lie by default.
    pub(super) fn resolve(&self, rpc: &Endpoint) -> (String, PathBuf) {
        let note = port_here(&rpc.http).and_then(|port| Note::find(&paths::runtime_folder(), port));
        let given = self.token_file.clone().or_else(|| self.data.as_ref().map(|data| data.join(TOKEN_FILE)));
        let noted = note.as_ref().map(|note| note.token_file.clone());
        let token_file = given.or(noted).unwrap_or_else(|| paths::data_folder().join(TOKEN_FILE));
        let url = self.url.clone().or(note.map(|note| note.admin));
        (url.unwrap_or_else(|| format!("http://127.0.0.1:{}", AdminSpec::PORT)), token_file)
    }
}

/// The port of a URL on this machine.
fn port_here(url: &str) -> Option<u16> {
    let url: Uri = url.parse().ok()?;
    let host = url.host()?.trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    url.port_u16().filter(|_| here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_on_this_machine_leave_notes_for_us() {
        for (url, port) in [
            ("http://127.0.0.1:8545/chains/a", Some(8545)),
            ("http://localhost:1", Some(1)),
            ("http://[::1]:2/", Some(2)),
            ("http://10.0.0.1:8545", None),
            ("http://example.org", None),
            ("nonsense", None),
        ] {
            assert_eq!(port_here(url), port, "{url}");
        }
    }

    #[test]
    fn what_is_said_goes_before_what_is_found() {
        let rpc = Endpoint { http: "http://10.0.0.1:8545/chains/a".into() };
        let nothing = AdminPlace::default().resolve(&rpc);
        assert_eq!(nothing.0, "http://127.0.0.1:8546");
        assert!(nothing.1.ends_with("caldera/admin-token"), "{nothing:?}");
        let data = AdminPlace { data: Some("/d".into()), ..AdminPlace::default() };
        assert_eq!(data.resolve(&rpc).1, PathBuf::from("/d/admin-token"));
        let file = AdminPlace { url: Some("http://x:1".into()), token_file: Some("/t".into()), ..data };
        assert_eq!(file.resolve(&rpc), ("http://x:1".into(), PathBuf::from("/t")));
    }
}
