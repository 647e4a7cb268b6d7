//! The self-signed pair and files of the operator.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::net::certificate::CertificateError;
use crate::net::certificate::Identity;
use crate::net::tls::provider;

const NAMES: &[&str] = &["a.example", "rooms.a.example"];

fn made(folder: &Path) -> (Identity, bool) {
    Identity::load_or_make(&provider(), folder, NAMES).unwrap()
}

#[test]
fn the_pair_is_made_once_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let (first, is_first_new) = made(folder.path());
    let (second, is_second_new) = made(folder.path());

    assert!(is_first_new && !is_second_new);
    assert_eq!(first.fingerprint, second.fingerprint);
    assert!(NAMES.iter().all(|name| second.facts.covers(name)));
}

#[test]
fn the_pair_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());

    let mode = fs::metadata(folder.path().join("tls.pem")).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_interrupted_first_start_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("tls.pem.new"), "half").unwrap();

    assert!(made(folder.path()).1);
    assert!(!folder.path().join("tls.pem.new").exists());
}

#[test]
fn another_domain_gets_another_pair() {
    let folder = tempfile::tempdir().unwrap();
    let (before, _) = made(folder.path());
    let (after, is_new) =
        Identity::load_or_make(&provider(), folder.path(), &["b.example"]).unwrap();

    assert!(is_new);
    assert_ne!(before.fingerprint, after.fingerprint);
}

#[test]
fn a_fingerprint_prints_as_32_pairs_of_digits() {
    let folder = tempfile::tempdir().unwrap();
    let text = made(folder.path()).0.fingerprint.to_string();

    assert_eq!(text.split(':').count(), 32);
    assert!(text.split(':').all(|pair| pair.len() == 2));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    made(one.path());
    made(two.path());
    let certificate = one.path().join("tls.pem");
    let key = two.path().join("tls.pem");

    let refused = Identity::load(&provider(), &certificate, &key);
    assert!(matches!(refused, Err(CertificateError::Unusable(path, _)) if path == key));
}

#[test]
fn a_file_without_what_it_should_hold_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, pair) = (folder.path().join("empty"), folder.path().join("tls.pem"));
    fs::write(&empty, "nothing\n").unwrap();
    made(folder.path());

    let no_certificate = Identity::load(&provider(), &empty, &pair).unwrap_err();
    let no_key = Identity::load(&provider(), &pair, &empty).unwrap_err();
    let no_file = Identity::load(&provider(), Path::new("/nowhere/a.pem"), &pair).unwrap_err();
    assert!(no_certificate.to_string().ends_with("BEGIN CERTIFICATE"));
    assert!(no_key.to_string().ends_with("BEGIN PRIVATE KEY"));
    assert!(
        no_file
            .to_string()
            .starts_with("/nowhere/a.pem: cannot be read")
    );
}
