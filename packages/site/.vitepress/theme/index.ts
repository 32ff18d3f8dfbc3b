/** VitePress's own theme, with a few rules more. */
import theme from 'vitepress/theme'
// biome-ignore lint/correctness/useImportExtensions: a style sheet is one.
import './style.css'

export default theme
