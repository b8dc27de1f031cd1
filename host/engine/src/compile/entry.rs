//! One cached artifact as bytes: a head that says what it is, an HMAC over all of it, the native code.

use caldera_types::{Digest, metering::METERING_VERSION};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::EngineHash;

const MAGIC: [u8; 8] = *b"CALDAOT1";
/// What is authenticated of the head: magic, digest, engine hash, metering version, length.
const CLAIMS: usize = 8 + 32 + 32 + 4 + 8;
const MAC: usize = 32;
/// Length of the head.
pub(super) const HEAD: usize = CLAIMS + MAC;

/// A node's own key.
pub(super) type Key = [u8; 32];

/// What an entry must be of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) digest: Digest,
    pub(super) engine: EngineHash,
}

impl Name {
    /// Name of its file.
    pub(super) fn file(&self) -> String {
        let engine: String = self.engine.0[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let digest: String = self.digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{digest}-{engine}-m{METERING_VERSION}.aot")
    }

    fn claims(&self, length: usize) -> Vec<u8> {
        let (metering, length) = (METERING_VERSION.to_le_bytes(), (length as u64).to_le_bytes());
        [MAGIC.as_slice(), self.digest.0.as_slice(), &self.engine.0, &metering, &length].concat()
    }
}

fn mac(key: &Key, claims: &[u8], artifact: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length (RFC 2104).
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(claims);
    mac.update(artifact);
    mac
}

/// The head to be written before an artifact.
pub(super) fn head(key: &Key, name: &Name, artifact: &[u8]) -> Vec<u8> {
    let mut head = name.claims(artifact.len());
    let tag = mac(key, &head, artifact).finalize().into_bytes();
    head.extend_from_slice(&tag);
    head
}

/// The artifact in an entry, if this node wrote just these bytes under this name.
pub(super) fn open<'a>(key: &Key, name: &Name, entry: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let (head, artifact) = entry.split_at_checked(HEAD).ok_or("it is cut off")?;
    let (claims, tag) = head.split_at(CLAIMS);
    if claims != name.claims(artifact.len()) {
        return Err("its head is not that of this component, engine, metering version and length");
    }
    match mac(key, claims, artifact).verify_slice(tag) {
        Ok(()) => Ok(artifact),
        Err(_) => Err("it is not as this node wrote it: damaged, or written by another"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: Key = [3; 32];

    fn name(of: &[u8]) -> Name {
        Name { digest: Digest::of(of), engine: EngineHash([5; 32]) }
    }

    fn entry(artifact: &[u8]) -> Vec<u8> {
        [&head(&KEY, &name(b"a"), artifact), artifact].concat()
    }

    proptest! {
        #[test]
        fn it_reads_back(artifact in prop::collection::vec(any::<u8>(), 0..300)) {
            let whole = entry(&artifact);
            prop_assert_eq!(open(&KEY, &name(b"a"), &whole), Ok(artifact.as_slice()));
        }

        #[test]
        fn a_flipped_bit_is_found(artifact in prop::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), bit in 0..8) {
            let mut entry = entry(&artifact);
            let place = at.index(entry.len());
            entry[place] ^= 1u8 << bit;
            prop_assert!(open(&KEY, &name(b"a"), &entry).is_err());
        }

        #[test]
        fn another_length_is_found(artifact in prop::collection::vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>(), more in 1usize..9) {
            let whole = entry(&artifact);
            prop_assert!(open(&KEY, &name(b"a"), &whole[..cut.index(whole.len())]).is_err());
            prop_assert!(open(&KEY, &name(b"a"), &[whole, vec![0; more]].concat()).is_err());
        }

        #[test]
        fn noise_is_found(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(open(&KEY, &name(b"a"), &bytes).is_err());
        }
    }

    #[test]
    fn another_key_component_or_engine_is_found() {
        let whole = entry(b"code");
        assert!(open(&[4; 32], &name(b"a"), &whole).is_err());
        assert!(open(&KEY, &name(b"b"), &whole).is_err());
        assert!(open(&KEY, &Name { engine: EngineHash([6; 32]), ..name(b"a") }, &whole).is_err());
        assert_ne!(name(b"a").file(), Name { engine: EngineHash([6; 32]), ..name(b"a") }.file());
    }
}
