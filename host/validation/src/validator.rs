//! One validator of one chain: what it verified it signs, what others signed it adds up. Messages in, messages out.

use caldera_types::{Certificate, Evidence, Finality, Statement};

use crate::{
    Message, Verified,
    signer::{SignError, Signer},
    tally::{Found, Tally},
};

/// Heights that one answer to [`Message::Ask`] goes over.
const ANSWER_HEIGHTS: usize = 64;

/// What came of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// To be sent to all others.
    pub messages: Vec<Message>,
    /// New certificates, to be kept.
    pub certificates: Vec<Certificate>,
    /// New evidence, to be kept.
    pub evidence: Vec<Evidence>,
    /// Messages that were refused: whose they say they are, and why.
    pub refused: Vec<String>,
}

/// A validator.
#[derive(Debug)]
pub struct Validator {
    chain_id: u64,
    signer: Signer,
    tally: Tally,
}

impl Validator {
    /// The validator with these keys; `newest` is the height of the newest certificate that it has.
    pub fn new(chain_id: u64, signer: Signer, newest: u64) -> Self {
        let tally = Tally::new(chain_id, signer.committee().clone(), newest);
        Self { chain_id, signer, tally }
    }

    /// What its keys signed.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Height of the newest certificate.
    pub fn newest(&self) -> u64 {
        self.tally.newest()
    }

    /// The statement about a block that was verified.
    pub fn statement(&self, verified: &Verified) -> Statement {
        let committee = self.signer.committee();
        Statement {
            chain_id: self.chain_id,
            height: verified.height,
            block_hash: verified.block_hash,
            state_root: verified.state_root,
            epoch: committee.epoch(),
            committee_root: committee.root(),
            finality: Finality::Certified,
        }
    }

    /// Signs what was verified. Who calls makes sure that it follows what was verified before.
    pub fn verified(&mut self, verified: &Verified) -> Result<Outcome, SignError> {
        let votes = self.signer.sign(&self.statement(verified))?;
        let mut outcome = Outcome::default();
        for vote in votes {
            outcome.messages.push(Message::Vote(vote));
            let found = self.tally.vote(vote);
            outcome.take(found);
        }
        Ok(outcome)
    }

    /// Hears a message.
    pub fn hear(&mut self, message: Message) -> Outcome {
        let mut outcome = Outcome::default();
        match message {
            Message::Vote(vote) => {
                let found = self.tally.vote(vote);
                outcome.take(found);
            }
            Message::Certificate(certificate) => match self.tally.certificate_of_others(certificate) {
                Ok(found) => outcome.take(found),
                Err(why) => outcome.refused.push(format!("certificate: {why}")),
            },
            Message::Ask { height } => {
                outcome.messages =
                    self.signer.votes_from(height, ANSWER_HEIGHTS).into_iter().map(Message::Vote).collect();
            }
        }
        outcome
    }

    /// What it asks others when nothing comes: everything above its newest certificate.
    pub fn ask(&self) -> Message {
        Message::Ask { height: self.tally.newest().saturating_add(1) }
    }
}

impl Outcome {
    fn take(&mut self, found: Vec<Found>) {
        for found in found {
            match found {
                Found::Certificate(certificate) => self.certificates.push(certificate),
                Found::Evidence(evidence) => self.evidence.push(*evidence),
                Found::Refused(member, why) => self.refused.push(format!("vote of member {member}: {why}")),
            }
        }
    }
}
