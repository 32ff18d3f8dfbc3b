/**
 * getaddrinfo(3) in a process of its own. It can't be called off, and Node waits at its end for each that is under way, 10 s and
 * more where a server is silent: but a process can be killed, so that the command ends with its output.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Addresses } from '@pollout/core'

/** libuv gives half of them to look-ups. */
const THREADS = 64
export const LOOK_UPS = THREADS / 2

/** Run as it stands here, so that it needs no file of its own. It ends with this process, whatever ends that. */
const PROGRAM = `
const { lookup } = require('node:dns')
const { getSystemErrorName } = require('node:util')
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.on('message', ({ id, host, family }) => {
  lookup(host, { family, all: true, verbatim: true }, (error, found) => {
    const { message, errno, syscall } = error ?? {}
    // Node calls it ENOTFOUND too that a name has no such address; it may have others.
    const isNoData = errno < 0 && getSystemErrorName(errno) === 'EAI_NODATA'
    const failure = error && { message, code: isNoData ? 'ENODATA' : error.code, errno, syscall }
    if (process.connected) process.send({ id, failure, addresses: found?.map(({ address }) => address) })
  })
})`

interface Answer {
  readonly id: number
  readonly failure: { readonly message: string } | null
  readonly addresses?: Addresses
}

interface Question {
  resolve(addresses: Addresses): void
  reject(cause: unknown): void
}

export class HelperResolver implements Disposable {
  readonly #questions = new Map<number, Question>()
  #child: ChildProcess | undefined
  #lastId = 0

  /** 4, 6, or 0 for both. */
  look(host: string, family: 0 | 4 | 6): Promise<Addresses> {
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      this.#questions.set(id, { resolve, reject })
      this.#child ??= this.#start()
      this.#child.send({ id, host, family }, (error) => {
        if (error) this.#take(id)?.reject(error)
      })
    })
  }

  [Symbol.dispose](): void {
    this.#child?.kill('SIGKILL')
  }

  /** Keeps nothing alive: who asks does. */
  #start(): ChildProcess {
    const child = spawn(process.execPath, ['-e', PROGRAM], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, UV_THREADPOOL_SIZE: String(THREADS) },
    })
    child.unref()
    child.channel?.unref()
    child.on('message', ({ id, failure, addresses = [] }: Answer) => {
      const question = this.#take(id)
      if (failure) question?.reject(Object.assign(new Error(failure.message), failure))
      else question?.resolve(addresses)
    })
    const gone = (cause: Error): void => {
      this.#child = undefined
      for (const id of this.#questions.keys()) this.#take(id)?.reject(cause)
    }
    child.on('error', gone)
    child.on('exit', () => gone(new Error('the process that looks names up has ended')))
    return child
  }

  #take(id: number): Question | undefined {
    const question = this.#questions.get(id)
    this.#questions.delete(id)
    return question
  }
}
