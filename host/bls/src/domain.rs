//! Domains: what a signature is for. A tag goes into the hash to the curve, so that no signature can be taken for another kind.

/// A kind of signed message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A key's own 48 bytes: who signs them holds the secret key.
    Possession,
    /// A statement about a block.
    Certificate,
    /// One committee naming the next.
    Handover,
}

impl Domain {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Possession, Self::Certificate, Self::Handover];

    /// Its name in errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possession => "possession",
            Self::Certificate => "certificate",
            Self::Handover => "handover",
        }
    }

    /// The domain separation tag, as RFC 9380 asks: application, version, suite. A change makes every signature void.
    pub const fn tag(self) -> &'static [u8] {
        match self {
            Self::Possession => b"CALDERA-POSSESSION-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
            Self::Certificate => b"CALDERA-CERTIFICATE-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
            Self::Handover => b"CALDERA-HANDOVER-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
        }
    }
}
