//! How a key joins a committee: only with the proof that somebody holds its secret.

use alloy_primitives::Address;
use caldera_bls::{BlsError, PublicKey, SecretKey, Signature};
use caldera_types::{BlsKey, BlsSignature, CertificateError, Committee, Member};

/// What a validator hands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its key.
    pub key: BlsKey,
    /// Its signature under its key, in the domain of possession.
    pub possession: BlsSignature,
    /// How much it is to count.
    pub weight: u64,
    /// Whose bond answers for it.
    pub owner: Address,
}

/// Why a committee is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// Bytes that are no key or no signature.
    #[error("member {member}: {why}")]
    Bytes {
        /// Its place.
        member: usize,
        /// What is wrong.
        why: BlsError,
    },
    /// Nobody showed that he holds the secret key: it may be made from the keys of others, and sign for them.
    #[error("member {member} did not prove that it holds its key: it could be made from the keys of others")]
    NoPossession {
        /// Its place.
        member: usize,
    },
    /// The members do not make a committee.
    #[error(transparent)]
    Form(#[from] CertificateError),
}

impl Registration {
    /// That of who holds the secret key.
    pub fn of(key: &SecretKey, weight: u64, owner: Address) -> Self {
        let possession = key.prove_possession().to_bytes().into();
        Self { key: key.public_key().to_bytes().into(), possession, weight, owner }
    }
}

/// The committee of those who registered, in order.
pub fn committee_of(epoch: u64, registered: &[Registration]) -> Result<Committee, RegistrationError> {
    let member = |(member, registration): (usize, &Registration)| {
        let bytes = |why| RegistrationError::Bytes { member, why };
        let Registration { key, possession, weight, owner } = *registration;
        let public = PublicKey::from_bytes(key.as_slice()).map_err(bytes)?;
        let proof = Signature::from_bytes(possession.as_slice()).map_err(bytes)?;
        if !public.verify_possession(&proof) {
            return Err(RegistrationError::NoPossession { member });
        }
        Ok(Member { key, weight, owner })
    };
    let members = registered.iter().enumerate().map(member).collect::<Result<_, _>>()?;
    Ok(Committee::new(epoch, members)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use caldera_bls::Domain;

    #[test]
    fn a_key_joins_with_its_own_proof_alone() {
        let keys: Vec<_> = (1..4).map(|n| SecretKey::from_entropy(&[n; 32])).collect();
        let good: Vec<_> = keys.iter().map(|key| Registration::of(key, 1, Address::ZERO)).collect();
        assert_eq!(committee_of(0, &good).unwrap().members().len(), 3);
        let check = |edit: &dyn Fn(&mut Registration), want: RegistrationError| {
            let mut bad = good.clone();
            edit(&mut bad[1]);
            assert_eq!(committee_of(0, &bad).unwrap_err(), want);
        };
        let none = RegistrationError::NoPossession { member: 1 };
        check(&|bad| bad.possession = good[0].possession, none);
        check(&|bad| bad.key = SecretKey::from_entropy(&[9; 32]).public_key().to_bytes().into(), none);
        let other = keys[1].sign(Domain::Certificate, good[1].key.as_slice()).to_bytes();
        check(&|bad| bad.possession = other.into(), none);
        let no_point = BlsError::NotAPoint("public key");
        check(&|bad| bad.key = BlsKey::ZERO, RegistrationError::Bytes { member: 1, why: no_point });
        check(&|bad| *bad = good[0], CertificateError::DuplicateKey { first: 0, second: 1 }.into());
        check(&|bad| bad.weight = 0, CertificateError::NoWeight(1).into());
    }
}
