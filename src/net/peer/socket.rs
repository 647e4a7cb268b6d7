//! The socket under a connection between two boards: to look whether something has come costs no system call.
//!
//! What reads the link is polled whenever something is written to it, and TLS asks for more until there is nothing.
//! Both would be a read in vain each time: here the system is asked when it has said that there is something.

use std::io;
use std::io::IoSlice;
use std::io::Read as _;
use std::net::TcpStream;
use std::pin::Pin as Pinned;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use async_io::Async;
use futures_lite::AsyncRead;
use futures_lite::AsyncWrite;

use crate::net::peer::stream::set_up;
use crate::net::pipe::is_temporary;

/// Closed when dropped.
pub(super) struct Socket {
    inner: Async<TcpStream>,
    /// The last read was full: there may be more at once.
    is_full: bool,
}

impl Socket {
    pub(super) fn new(inner: Async<TcpStream>) -> Self {
        set_up(inner.get_ref());
        Self {
            inner,
            is_full: false,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pinned<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if !self.is_full {
                ready!(self.inner.poll_readable(cx))?;
            }
            let read = self.inner.get_ref().read(buffer);
            self.is_full = matches!(read, Ok(count) if count == buffer.len());
            match read {
                Err(error) if is_temporary(&error) => {}
                read => return Poll::Ready(read),
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pinned<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pinned::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pinned<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pinned::new(&mut self.inner).poll_write_vectored(cx, pieces)
    }

    fn poll_flush(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.inner).poll_close(cx)
    }
}
