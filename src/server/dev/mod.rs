//! What a server to try out has beyond one that is for real: accounts and a room, data of a file, a bot, and
//! misbehaviour on request.

pub(crate) mod bot;
mod commands;
pub(crate) mod mischief;
mod room;
pub(crate) mod seed;

use std::fs;
use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use crate::base::jid::BareJid;
use crate::config::scene::Scene;
use crate::config::settings::Settings;
use crate::net::address::Address;
use crate::net::tls::TlsStart;
use crate::net::wires::Wires;
use crate::server::dev::bot::Bot;
use crate::server::dev::mischief::Streams;
use crate::server::dev::seed::Hosts;
use crate::server::dev::seed::SeedError;
use crate::server::hub::Node;
use crate::server::restart;
use crate::server::run::NewUser;
use crate::server::run::RunError;
use crate::server::run::add_user;
use crate::server::run::say_farewell;
use crate::server::run::stop;
use crate::store::disk::memory::Memory;

/// The room that is there from the start.
pub(crate) const LOBBY: &str = "lobby";

/// How the program knows that it goes on with what it has left in a folder.
pub(super) const RESTART_FOLDER: &str = "MEERKAT_DEV_RESTART";

/// In that folder: where clients were let in, so that they find the server again.
const ADDRESSES: &str = "addresses";

/// What a server in memory begins with.
#[derive(Default)]
pub(crate) struct Trial {
    pub(crate) users: Vec<NewUser>,
    pub(crate) scene: Scene,
    pub(crate) disk: Arc<Memory>,
    /// What the last process has left, if this one goes on with it.
    pub(crate) left: Option<PathBuf>,
}

/// A name that nobody else has while the process lives.
pub(crate) fn temporary(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("meerkat-{what}-{}", std::process::id()))
}

impl Trial {
    /// As the arguments want it, or as the last process has left it.
    pub(crate) fn new(users: Vec<NewUser>, scene: Scene) -> io::Result<Self> {
        let left = std::env::var_os(RESTART_FOLDER).map(PathBuf::from);
        let disk = match &left {
            Some(left) => Memory::load(left)?,
            None => Memory::default(),
        };
        Ok(Self {
            users,
            scene,
            disk: Arc::new(disk),
            left,
        })
    }

    /// The server is where it was.
    pub(crate) fn settle(&self, settings: &mut Settings) -> io::Result<()> {
        let Some(left) = &self.left else {
            return Ok(());
        };
        let text = fs::read_to_string(left.join(ADDRESSES))?;
        let listen = &mut settings.listen;
        for (start, list) in [
            (TlsStart::StartTls, &mut listen.c2s),
            (TlsStart::Direct, &mut listen.c2s_tls),
            (TlsStart::Never, &mut listen.http),
            (TlsStart::Https, &mut listen.https),
        ] {
            let lines = text.lines().filter_map(|line| line.split_once(' '));
            let mine = lines.filter(|(kind, _)| *kind == word(start));
            *list = mine
                .filter_map(|(_, address)| Address::parse(address).ok())
                .collect();
        }
        Ok(())
    }

    /// Everything is taken.
    fn forget_left(&self) {
        if let Some(left) = &self.left {
            // It is of no use any more, and in the way of nobody.
            fs::remove_dir_all(left).ok();
        }
    }

    /// For the next process, in a folder: sessions, what is in memory, and where clients were let in.
    pub(super) async fn leave(
        &self,
        (node, wires): (&Rc<Node>, &Wires),
        streams: Streams,
        bound: &[(TlsStart, SocketAddr)],
    ) -> io::Result<PathBuf> {
        let folder = temporary("dev-restart");
        DirBuilder::new().mode(0o700).create(&folder)?;
        stop(node).await;
        match streams {
            Streams::Kept => restart::save(node, &folder).await,
            Streams::Ended => {
                say_farewell(node, wires).await;
                stop(node).await;
            }
            Streams::Lost => {}
        }
        self.disk.save(&folder)?;
        let lines = bound
            .iter()
            .map(|(start, address)| format!("{} {address}\n", word(*start)));
        fs::write(folder.join(ADDRESSES), lines.collect::<String>())?;
        Ok(folder)
    }

    /// Everybody and everything is there before the first client comes.
    pub(super) async fn begin(
        &self,
        node: &Rc<Node>,
        wires: &Rc<Wires>,
        settings: &Settings,
    ) -> Result<(), RunError> {
        let is_first = self.left.is_none();
        self.forget_left();
        for user in self.users.iter().filter(|_| is_first) {
            add_user(node, &settings.domain, user.clone()).await?;
        }
        let hosts = Hosts {
            domain: &settings.domain,
            rooms: &settings.muc_host,
        };
        let echo = BareJid::parse(&format!("{}@{}", bot::NAME, settings.domain));
        let echo = echo.map_err(|_| RunError::Name(bot::NAME.to_owned()))?;
        let admins = self.users.iter().filter(|user| user.is_admin);
        let admins = admins.map(|user| format!("{}@{}", user.name, settings.domain));
        let admins = admins.chain(settings.admins.iter().cloned());
        let admins = admins.filter_map(|jid| BareJid::parse(&jid).ok()).collect();
        let rooms = settings.muc_host.as_str();
        let bot = Bot::begin(node, wires, (&echo, rooms), admins).await;
        let bot = bot.map_err(|trouble| RunError::Seed(SeedError::bot(trouble)))?;
        if is_first {
            let seeded = seed::bring_in(&self.scene, node, wires, &hosts).await;
            seeded.map_err(RunError::Seed)?;
        }
        node.executor.spawn(bot.run()).detach();
        node.executor.spawn(Rc::clone(node).deliver_late()).detach();
        Ok(())
    }
}

/// A listener of this kind, in a file.
fn word(start: TlsStart) -> &'static str {
    match start {
        TlsStart::StartTls => "c2s",
        TlsStart::Direct => "c2s_tls",
        TlsStart::Never => "http",
        TlsStart::Https => "https",
    }
}
