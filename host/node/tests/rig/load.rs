//! Transactions that go on while a road is walked, until the node dies.

use std::{sync::Arc, time::Duration};

use alloy_primitives::{Address, U256};
use caldera_node::rpc::{Rpc, RpcError, Sender};
use caldera_testkit::{PROBE, account};
use parking_lot::Mutex;
use probe_engine::IProbe;
use tokio::task::JoinHandle;

use super::{LOADER, Ledger};

/// Who is paid.
const SINK: Address = Address::repeat_byte(0x51);

/// What the load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Works {
    /// Pays wei.
    Pays,
    /// Pays wei and writes an entry of the probe.
    PaysAndWrites,
}

/// A sender at work.
pub struct Load(JoinHandle<()>);

impl Load {
    /// Starts one. What is acknowledged goes into the ledger.
    pub fn start(rpc: Rpc, ledger: Arc<Mutex<Ledger>>, works: Works) -> Self {
        Self(tokio::spawn(async move {
            let error = run(&rpc, &ledger, works).await;
            assert!(matches!(error, RpcError::Unreachable { .. }), "{error}");
        }))
    }

    /// Waits for its end, once the node is dead.
    pub async fn end(self) {
        self.0.await.expect("only the node's death ends it");
    }

    /// Ends it while the node lives.
    pub async fn stop(self) {
        self.0.abort();
        if let Err(error) = self.0.await {
            assert!(error.is_cancelled(), "{error}");
        }
    }
}

async fn run(rpc: &Rpc, ledger: &Mutex<Ledger>, works: Works) -> RpcError {
    loop {
        if let Err(error) = burst(rpc, ledger, works).await {
            return error;
        }
    }
}

/// Two transactions, and the wait for their receipts.
async fn burst(rpc: &Rpc, ledger: &Mutex<Ledger>, works: Works) -> Result<(), RpcError> {
    let mut sender = Sender::ask(rpc, account(LOADER)).await?;
    let mut hashes = Vec::new();
    let tx = sender.pay(SINK, U256::ONE)?;
    rpc.send_raw(&tx.raw).await?;
    hashes.push(tx.hash);
    if works == Works::PaysAndWrites {
        let value = tx.nonce.to_string().into_bytes().into();
        let tx = sender.call(PROBE, &IProbe::setCall { key: b"load".into(), value }, 300_000)?;
        rpc.send_raw(&tx.raw).await?;
        hashes.push(tx.hash);
    }
    loop {
        let receipts = rpc.receipts(&hashes).await?;
        if let Some(receipts) = receipts.into_iter().collect::<Option<Vec<_>>>() {
            receipts.iter().for_each(|receipt| ledger.lock().acknowledge(receipt));
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
