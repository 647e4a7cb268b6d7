//! What the system tells the process, read in a task of its own.
//!
//! What a server waits for is looked at whenever any of its tasks has run; to look for signals is a system call.

use std::io;

use async_signal::Signal;
use async_signal::Signals;
use futures_lite::StreamExt as _;
use smol::LocalExecutor;
use smol::Task;
use smol::channel;
use smol::channel::Receiver;

/// Signals as they come.
pub(super) struct SignalQueue {
    signals: Receiver<Signal>,
    /// It ends with this.
    _reading: Task<()>,
}

impl SignalQueue {
    pub(super) fn listen(executor: &LocalExecutor<'static>) -> io::Result<Self> {
        let mut source = Signals::new([Signal::Term, Signal::Int, Signal::Hup])?;
        let (send, signals) = channel::bounded(1);
        let reading = async move {
            while let Some(Ok(signal)) = source.next().await {
                if send.send(signal).await.is_err() {
                    return;
                }
            }
        };
        Ok(Self {
            signals,
            _reading: executor.spawn(reading),
        })
    }

    /// `None`: nothing more can be heard.
    pub(super) async fn next(&self) -> Option<Signal> {
        self.signals.recv().await.ok()
    }
}
