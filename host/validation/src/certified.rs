//! What a node knows of a chain's certificates and of who lied, for whoever asks: readers, metrics, other chains.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use caldera_types::{Certificate, Committee, Evidence};

use crate::{Archive, EvidenceStore, FileError, Outcome};

/// Certificates and evidence of one chain, on disk, with counts.
#[derive(Debug)]
pub struct Certified {
    archive: Archive,
    store: EvidenceStore,
    equivocations: AtomicU64,
    wrong_roots: AtomicU64,
    refused: AtomicU64,
}

impl Certified {
    /// Opens or makes the folder of a chain's committee.
    pub fn open(folder: &Path, committee: Committee) -> Result<Self, FileError> {
        let certified = Self {
            archive: Archive::open(folder, committee)?,
            store: EvidenceStore::open(folder.join("evidence"))?,
            equivocations: AtomicU64::new(0),
            wrong_roots: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        };
        certified.evidence()?.iter().for_each(|evidence| certified.count(evidence));
        Ok(certified)
    }

    /// Keeps what came of an event.
    pub fn keep(&self, outcome: &Outcome) -> Result<(), FileError> {
        for evidence in &outcome.evidence {
            if self.store.put(evidence)? {
                let (kind, member) = (evidence.name(), evidence.member());
                tracing::error!(kind, member, "a validator lied: the evidence is kept");
                self.count(evidence);
            }
        }
        for certificate in &outcome.certificates {
            // Another quorum's word on the same block changes nothing for who has read the first.
            let height = certificate.statement.height;
            if height > self.newest() || self.archive.get(height)?.is_none() {
                self.archive.put(certificate)?;
            }
        }
        self.refused.fetch_add(outcome.refused.len() as u64, Relaxed);
        outcome.refused.iter().for_each(|why| tracing::warn!(why, "a validator's message was refused"));
        Ok(())
    }

    fn count(&self, evidence: &Evidence) {
        let counter = match evidence {
            Evidence::Equivocation { .. } => &self.equivocations,
            Evidence::WrongRoot { .. } => &self.wrong_roots,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// Who signs.
    pub fn committee(&self) -> &Committee {
        self.archive.committee()
    }

    /// Height of the newest certificate; zero if there is none.
    pub fn newest(&self) -> u64 {
        self.archive.newest()
    }

    /// The certificate of a height.
    pub fn certificate(&self, height: u64) -> Result<Option<Certificate>, FileError> {
        self.archive.get(height)
    }

    /// All evidence, read from disk.
    pub fn evidence(&self) -> Result<Vec<Evidence>, FileError> {
        self.store.all()
    }

    /// Pieces of evidence: equivocations and wrong roots.
    pub fn evidence_counts(&self) -> (u64, u64) {
        (self.equivocations.load(Relaxed), self.wrong_roots.load(Relaxed))
    }

    /// Messages that counted for nothing.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}
