//! Roots of other chains: believed once a quorum of their committee signed.

use caldera_sdk::{prelude::*, verify};
use weave_rules::{
    MAX_ROOTS,
    abi::Weave as abi,
    certificate::{Certificate, Committee},
};

use crate::{
    Weave,
    calls::refused,
    store::{Origin, Root},
};

/// What a certificate changed.
enum Admitted {
    /// The root is known now.
    New,
    /// It was known.
    Known,
    /// Another block of the height is known: this one's hash.
    Conflict { known: B256 },
}

impl Weave {
    /// Records what is new. Two blocks of one height freeze their origin, which is why that is no refusal: it would be undone.
    pub(crate) fn submit_roots(&mut self, env: &CallEnv, certificates: &[Bytes]) -> Result<U256, Revert> {
        ensure!(certificates.len() <= MAX_ROOTS, abi::TooMany { most: MAX_ROOTS as u64 });
        let mut recorded = 0;
        for bytes in certificates {
            let certificate = Certificate::read(bytes).map_err(refused)?;
            match self.admit(env, &certificate)? {
                Admitted::New => recorded += 1,
                Admitted::Known => {}
                Admitted::Conflict { known } => self.freeze(&certificate, known)?,
            }
        }
        Ok(U256::from(recorded))
    }

    /// The root of a chain at a height, by the certificate if one is given.
    pub(crate) fn root(
        &mut self,
        env: &CallEnv,
        chain_id: u64,
        height: u64,
        certificate: &[u8],
    ) -> Result<Root, Revert> {
        if !certificate.is_empty() {
            let certificate = Certificate::read(certificate).map_err(refused)?;
            let (chain, at) = (certificate.statement.chain_id, certificate.statement.height);
            if let Admitted::Conflict { .. } = self.admit(env, &certificate)? {
                return Err(abi::ReorganisedSource { chainId: chain, height: at }.into());
            }
        }
        let origin = self.store.thawed(chain_id)?;
        must_be_near(&origin, chain_id, height)?;
        let root = self.store.roots.find(&(chain_id, height));
        Ok(root.ok_or(abi::UncertifiedRoot { chainId: chain_id, height })?)
    }

    /// Checks a certificate against its chain's committee and records it. One that says what is known costs no signature.
    fn admit(&mut self, env: &CallEnv, certificate: &Certificate<'_>) -> Result<Admitted, Revert> {
        let statement = &certificate.statement;
        let place = (statement.chain_id, statement.height);
        let origin = self.store.thawed(place.0)?;
        must_be_near(&origin, place.0, place.1)?;
        let known = self.store.roots.find(&place);
        let says = (statement.state_root, statement.block_hash);
        if known.is_some_and(|known| (known.state_root, known.block_hash) == says) {
            return Ok(Admitted::Known);
        }
        check(certificate, &self.committee(place.0)?)?;
        if let Some(known) = known {
            return Ok(Admitted::Conflict { known: known.block_hash });
        }
        let (state_root, block_hash) = says;
        self.store.roots.set(&place, &Root { state_root, block_hash, at: env.block.timestamp_s });
        if place.1 > origin.latest {
            self.store.origins.set(&place.0, &Origin { latest: place.1, ..origin });
        }
        emit(&abi::RootCertified { chainId: place.0, height: place.1, blockHash: block_hash, stateRoot: state_root });
        Ok(Admitted::New)
    }

    fn freeze(&mut self, certificate: &Certificate<'_>, known: B256) -> Result<(), Revert> {
        let (chain_id, height) = (certificate.statement.chain_id, certificate.statement.height);
        let origin = self.store.origin(chain_id)?;
        self.store.origins.set(&chain_id, &Origin { frozen: true, ..origin });
        let conflicting = certificate.statement.block_hash;
        emit(&abi::OriginFrozen { chainId: chain_id, height, blockHash: known, conflicting });
        Ok(())
    }
}

/// Whether a quorum of the committee signed.
pub(crate) fn check(certificate: &Certificate<'_>, committee: &Committee) -> Result<(), Revert> {
    committee.must_be_of(&certificate.statement).map_err(refused)?;
    let keys = committee.signers(certificate.bitmap).map_err(refused)?;
    let message = certificate.statement.bytes;
    let holds = verify::verify_all(verify::Domain::Certificate, &keys, message, certificate.signature);
    ensure!(holds, abi::BadSignature {});
    Ok(())
}

/// Refuses a height that is too far behind.
fn must_be_near(origin: &Origin, chain_id: u64, height: u64) -> Result<(), Revert> {
    let near = height.saturating_add(origin.max_lag) >= origin.latest;
    ensure!(near, abi::StaleRoot { chainId: chain_id, height });
    Ok(())
}
