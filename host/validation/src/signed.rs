//! Whether signatures are whose they are said to be. What the curve does not decide is checked by `types` first.

use caldera_bls::{BlsError, Domain, PublicKey, Signature, fast_aggregate_verify};
use caldera_types::{BlsSignature, Certificate, CertificateError, Committee, Evidence, Statement, Vote};

/// Why a vote, a certificate or evidence proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// Its form, its quorum, its committee.
    #[error(transparent)]
    Form(#[from] CertificateError),
    /// The bytes are no signature.
    #[error(transparent)]
    Bytes(BlsError),
    /// The committee holds bytes that are no key: it should never have been made.
    #[error("the key of member {member} is none: {why}")]
    Key {
        /// Whose.
        member: u16,
        /// What is wrong.
        why: BlsError,
    },
    /// The signature is good, but for another kind of message.
    #[error("wrong domain: it is signed as a {}, not as a certificate", .0.name())]
    WrongDomain(Domain),
    /// The signature is not theirs, or of something else.
    #[error("the signature is not that of these members under this statement")]
    NotTheirs,
}

/// Whether a vote is the member's.
pub fn check_vote(committee: &Committee, vote: &Vote) -> Result<(), SignatureFault> {
    committee.must_be_of(&vote.statement)?;
    check(committee, &[vote.member], &vote.statement, &vote.signature)
}

/// Whether a certificate is that of a quorum of the committee.
pub fn check_certificate(committee: &Committee, certificate: &Certificate) -> Result<(), SignatureFault> {
    let signers = certificate.signers(committee)?;
    check(committee, &signers, &certificate.statement, &certificate.signature)
}

/// Whether evidence proves that a member lied.
pub fn check_evidence(committee: &Committee, evidence: &Evidence) -> Result<(), SignatureFault> {
    evidence.check(committee)?;
    evidence.votes().try_for_each(|vote| check_vote(committee, vote))?;
    match evidence {
        Evidence::Equivocation { .. } => Ok(()),
        Evidence::WrongRoot { certificate, .. } => check_certificate(committee, certificate),
    }
}

/// The key of a member.
pub(crate) fn key(committee: &Committee, member: u16) -> Result<PublicKey, SignatureFault> {
    let bytes = committee.member(member)?.key;
    PublicKey::from_bytes(bytes.as_slice()).map_err(|why| SignatureFault::Key { member, why })
}

fn check(
    committee: &Committee,
    signers: &[u16],
    statement: &Statement,
    signature: &BlsSignature,
) -> Result<(), SignatureFault> {
    let signature = Signature::from_bytes(signature.as_slice()).map_err(SignatureFault::Bytes)?;
    let keys = signers.iter().map(|signer| key(committee, *signer)).collect::<Result<Vec<_>, _>>()?;
    let message = statement.encode();
    let holds = |domain| fast_aggregate_verify(domain, &keys, &message, &signature);
    if holds(Domain::Certificate) {
        return Ok(());
    }
    // Said by name, for whoever has to find out what went wrong; it is refused either way.
    let other = Domain::ALL.into_iter().find(|domain| *domain != Domain::Certificate && holds(*domain));
    Err(other.map_or(SignatureFault::NotTheirs, SignatureFault::WrongDomain))
}
