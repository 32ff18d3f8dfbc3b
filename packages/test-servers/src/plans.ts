/** How each real server is set up. */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { makeCertificate } from './certificate.js'
import { unprivileged } from './processes.js'
import type { ServerPlan } from './server.js'

/** What nginx has to give: `/file` of so many random bytes. */
const FILE_BYTES = 20 * 1024 * 1024

/** HTTP/1.1; with `tls`, in TLS alone, and HTTP/2 too. */
export function nginx({ tls = false, fileBytes = FILE_BYTES } = {}): ServerPlan {
  return {
    program: 'nginx',
    prepare(directory, port) {
      writeFileSync(join(directory, 'file'), randomBytes(fileBytes))
      if (tls) makeCertificate(directory)
      const config = [
        'daemon off; master_process off; pid nginx.pid; error_log stderr;',
        'events {}',
        'http { access_log off; client_max_body_size 0; keepalive_requests 100000;',
        'client_body_temp_path body; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;',
        `server { listen 127.0.0.1:${port} ${tls ? 'ssl http2' : ''}; root .;`,
        tls ? 'ssl_certificate server.crt; ssl_certificate_key server.key;' : '',
        'location = /slow { limit_rate 1k; try_files /file =404; }',
        'location = /echo { return 200 "$request_method $server_protocol $http_x_test"; } } }',
      ]
      writeFileSync(join(directory, 'nginx.conf'), config.join('\n'))
      return ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr']
    },
  }
}

/** With `tls`, in TLS alone. */
export function redis({ tls = false } = {}): ServerPlan {
  return {
    program: 'redis-server',
    prepare(directory, port) {
      if (tls) makeCertificate(directory)
      const keys = ['--tls-cert-file', 'server.crt', '--tls-key-file', 'server.key']
      const trust = ['--tls-ca-cert-file', 'server.crt', '--tls-auth-clients', 'no']
      const listen = tls
        ? ['--port', '0', '--tls-port', String(port), ...keys, ...trust]
        : ['--port', String(port)]
      const keep = ['--dir', directory, '--save', '', '--appendonly', 'no']
      return ['--bind', '127.0.0.1', ...listen, ...keep]
    },
  }
}

/** Takes values of 16 MiB. */
export const memcached: ServerPlan = {
  program: 'memcached',
  prepare(_, port) {
    const { username } = userInfo()
    return ['-u', username, '-l', '127.0.0.1', '-p', String(port), '-I', '16m', '-m', '256']
  },
}

/** With a database `postgres` of the user `postgres`, who needs no password; TLS where it is asked for. */
export const postgresql: ServerPlan = {
  program: 'postgres',
  // It refuses to run as root.
  user: 'postgres',
  // Immediate shutdown, of its other processes too: postgres(1).
  signal: 'SIGQUIT',
  isReady(port) {
    const asked = ['-h', '127.0.0.1', '-p', String(port), '-t', '1']
    return spawnSync('pg_isready', asked, { stdio: 'ignore' }).status === 0
  },
  prepare(directory, port, path) {
    const data = join(directory, 'data')
    const as = { cwd: directory, stdio: 'ignore', ...unprivileged('postgres') } as const
    const initdb = join(dirname(path), 'initdb')
    execFileSync(initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '--no-locale'], as)
    certificateFor('postgres', directory)
    const keys = [`ssl_cert_file=${directory}/server.crt`, `ssl_key_file=${directory}/server.key`]
    const listen = ['listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`]
    const settings = [...listen, 'ssl=on', ...keys, 'fsync=off']
    return ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  },
}

/** With a user `root` who needs no password; TLS where it is asked for. */
export const mariadb: ServerPlan = {
  program: 'mariadbd',
  // It refuses to run as root.
  user: 'mysql',
  prepare(directory, port) {
    const data = join(directory, 'data')
    const as = { cwd: directory, stdio: 'ignore', ...unprivileged('mysql') } as const
    const rights = ['--auth-root-authentication-method=normal', '--skip-test-db']
    execFileSync('mariadb-install-db', ['--no-defaults', `--datadir=${data}`, ...rights], as)
    const listen = [`--port=${port}`, '--bind-address=127.0.0.1', `--socket=${directory}/socket`]
    certificateFor('mysql', directory)
    const keys = [`--ssl-cert=${directory}/server.crt`, `--ssl-key=${directory}/server.key`]
    return ['--no-defaults', `--datadir=${data}`, ...listen, ...keys, '--max-allowed-packet=256M']
  },
}

/** Lets its own user in by `user.key`. */
export const sshd: ServerPlan = {
  program: 'sshd',
  prepare(directory, port) {
    const key = (file: string) => ['-q', '-t', 'ed25519', '-N', '', '-f', join(directory, file)]
    for (const file of ['host.key', 'user.key']) execFileSync('ssh-keygen', key(file))
    // As root it insists on this folder, which Debian's service makes.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    const config = [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${directory}/host.key`,
      `AuthorizedKeysFile ${directory}/user.key.pub`,
      `PidFile ${directory}/pid`,
      'UsePAM no',
      'PermitRootLogin yes',
      'StrictModes no',
      'PerSourceMaxStartups none',
    ]
    const file = join(directory, 'sshd_config')
    writeFileSync(file, config.join('\n'))
    return ['-D', '-e', '-f', file]
  },
}

/** With `tls`, in TLS alone. */
export function mosquitto({ tls = false } = {}): ServerPlan {
  return {
    program: 'mosquitto',
    // As root it would become a user who may not read the keys.
    prepare(directory, port) {
      if (tls) makeCertificate(directory)
      const keys = `certfile ${directory}/server.crt\nkeyfile ${directory}/server.key\n`
      const listen = `listener ${port} 127.0.0.1\nallow_anonymous true\n${tls ? keys : ''}`
      const file = join(directory, 'mosquitto.conf')
      writeFileSync(file, `user ${userInfo().username}\n${listen}`)
      return ['-c', file]
    },
  }
}

/** Keeps mails as files in `mail/new`. In TLS from the start, or after STARTTLS, which it does not insist on; or not at all. */
export function mailServer({ tls = 'none' as 'none' | 'starttls' | 'implicit' } = {}): ServerPlan {
  return {
    program: 'aiosmtpd',
    prepare(directory, port) {
      if (tls !== 'none') makeCertificate(directory)
      const name = tls === 'implicit' ? 'smtps' : 'tls'
      const keys = [`--${name}cert`, 'server.crt', `--${name}key`, 'server.key', '--no-requiretls']
      const keep = ['-c', 'aiosmtpd.handlers.Mailbox', join(directory, 'mail')]
      const size = String(256 * 1024 * 1024)
      const listen = ['-n', '-s', size, '-l', `127.0.0.1:${port}`]
      return [...listen, ...(tls === 'none' ? [] : keys), ...keep]
    },
  }
}

/** A key that the server may read although it runs as another user: in PostgreSQL's and MariaDB's case, its own. */
function certificateFor(user: string, directory: string): void {
  makeCertificate(directory)
  const keys = ['server.key', 'server.crt'].map((file) => join(directory, file))
  if (process.getuid?.() === 0) execFileSync('chown', [user, ...keys])
}
