//! A cable between two boards on one machine: a relay of connections, to cut and to heal by hand.

use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;

use async_net::TcpListener;
use async_net::TcpStream;
use futures_lite::AsyncReadExt as _;
use futures_lite::AsyncWriteExt as _;
use futures_lite::future;
use smol::LocalExecutor;
use smol::lock::Mutex;
use smol::lock::MutexGuardArc;

const PIECE_BYTES: usize = 16_384;

/// Cut it is silent, as a real one: nothing is closed, and nothing comes through.
pub(super) struct Cable {
    /// Whoever carries a piece over has it for a moment.
    gate: Arc<Mutex<()>>,
    cut: Option<MutexGuardArc<()>>,
    near_end: SocketAddr,
}

impl Cable {
    /// Leads from the address that it then has to another one.
    pub(super) async fn lay(
        executor: &LocalExecutor<'static>,
        far_end: SocketAddr,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let near_end = listener.local_addr()?;
        let gate = Arc::new(Mutex::new(()));
        let carrier = Arc::clone(&gate);
        executor.spawn(accept(listener, far_end, carrier)).detach();
        Ok(Self {
            gate,
            cut: None,
            near_end,
        })
    }

    pub(super) fn near_end(&self) -> SocketAddr {
        self.near_end
    }

    pub(super) async fn cut(&mut self) {
        if self.cut.is_none() {
            self.cut = Some(self.gate.lock_arc().await);
        }
    }

    pub(super) fn heal(&mut self) {
        self.cut = None;
    }
}

async fn accept(listener: TcpListener, far_end: SocketAddr, gate: Arc<Mutex<()>>) {
    let calls = LocalExecutor::new();
    let accepting = async {
        // Nothing to be done about a call that cannot be taken: the caller tries again.
        loop {
            if let Ok((near, _)) = listener.accept().await {
                calls
                    .spawn(connect(near, far_end, Arc::clone(&gate)))
                    .detach();
            }
        }
    };
    calls.run(accepting).await;
}

async fn connect(near: TcpStream, far_end: SocketAddr, gate: Arc<Mutex<()>>) {
    drop(gate.lock().await);
    let Ok(far) = TcpStream::connect(far_end).await else {
        return;
    };
    let there = carry(near.clone(), far.clone(), &gate);
    let back = carry(far, near, &gate);
    // Each half ends by itself; an error is what both ends see as the end of the connection.
    drop(future::zip(there, back).await);
}

async fn carry(mut from: TcpStream, mut to: TcpStream, gate: &Mutex<()>) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = from.read(&mut piece).await;
        drop(gate.lock().await);
        match piece.get(..count.unwrap_or(0)) {
            Some(read) if !read.is_empty() => to.write_all(read).await?,
            _ => return to.close().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    async fn echo(listener: TcpListener) -> io::Result<()> {
        let (mut stream, _) = listener.accept().await?;
        let mut byte = [0];
        while stream.read(&mut byte).await? == 1 {
            stream.write_all(&byte).await?;
        }
        Ok(())
    }

    #[test]
    fn what_is_sent_into_a_cut_cable_comes_out_when_it_is_healed() {
        let executor = LocalExecutor::new();
        smol::block_on(executor.run(async {
            let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let far_end = far.local_addr().unwrap();
            executor.spawn(echo(far)).detach();
            let mut cable = Cable::lay(&executor, far_end).await.unwrap();
            let mut near = TcpStream::connect(cable.near_end()).await.unwrap();
            let mut answer = [0];
            near.write_all(b"a").await.unwrap();
            near.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"a");

            cable.cut().await;
            near.write_all(b"b").await.unwrap();
            let hear = async { near.read(&mut answer).await.map(Some) };
            let wait = async {
                smol::Timer::after(PATIENCE).await;
                Ok(None)
            };
            assert_eq!(future::or(hear, wait).await.unwrap(), None);

            cable.heal();
            near.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"b");
        }));
    }
}
