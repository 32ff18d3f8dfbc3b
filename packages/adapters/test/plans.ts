/** How each real server is set up. */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type ServerPlan, unprivileged } from './servers.js'

/** What nginx has to give: `/file` of so many random bytes. */
const FILE_BYTES = 20 * 1024 * 1024

/** A self-signed certificate for 127.0.0.1, by openssl(1): its own authority. */
export function makeCertificate(directory: string): void {
  const files = ['-keyout', join(directory, 'server.key'), '-out', join(directory, 'server.crt')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=pollout test', '-addext', 'subjectAltName=IP:127.0.0.1']
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...files, ...names], {
    stdio: 'ignore',
  })
}

/** HTTP, or with `tls` HTTP/1.1 and HTTP/2 over TLS. POST answers 204, so that uploads have somewhere to go. */
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

export const redis: ServerPlan = {
  program: 'redis-server',
  prepare(directory, port) {
    const bind = ['--bind', '127.0.0.1', '--port', String(port)]
    return [...bind, '--dir', directory, '--save', '', '--appendonly', 'no']
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
    makeCertificate(data)
    const keys = ['server.key', 'server.crt'].map((file) => join(data, file))
    if (process.getuid?.() === 0) execFileSync('chown', ['postgres', ...keys])
    const settings = [
      'listen_addresses=127.0.0.1',
      `unix_socket_directories=${directory}`,
      'ssl=on',
    ]
    const all = [...settings, 'fsync=off'].flatMap((setting) => ['-c', setting])
    return ['-D', data, '-p', String(port), ...all]
  },
}

/** With a user `root` who needs no password. */
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
    const large = ['--max-allowed-packet=256M', '--innodb-flush-log-at-trx-commit=0']
    return ['--no-defaults', `--datadir=${data}`, ...listen, ...large]
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

export const mosquitto: ServerPlan = {
  program: 'mosquitto',
  prepare(directory, port) {
    const file = join(directory, 'mosquitto.conf')
    writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n`)
    return ['-c', file]
  },
}

/** Keeps mails as files in `mail/new`. */
export const mailServer: ServerPlan = {
  program: 'aiosmtpd',
  prepare(directory, port) {
    const keep = ['-c', 'aiosmtpd.handlers.Mailbox', join(directory, 'mail')]
    return ['-n', '-s', String(256 * 1024 * 1024), '-l', `127.0.0.1:${port}`, ...keep]
  },
}
