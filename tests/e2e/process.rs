//! The program as an operator sees it: its first line, its end, its exit code.

use crate::harness::Server;
use crate::harness::Wire;

#[test]
fn a_server_ends_with_success_when_asked_to() {
    for wire in [Wire::Plain, Wire::Tls] {
        // Given a server that is ready
        let mut server = Server::start(wire);

        // When it is asked to end
        let asked = std::process::Command::new("kill")
            .args(["-TERM", &server.process.id().to_string()])
            .status()
            .unwrap();
        assert!(asked.success());

        // Then it ends by itself, and says that it did so in order
        let status = smol::block_on(server.process.status()).unwrap();
        assert_eq!(status.code(), Some(0), "{wire:?}");
    }
}
